//! The shape of OpenAI's Files API, which Kimi, GLM, Mistral and most compatible servers share with small differences.
//!
//! [`FileObject`], [`ListObject`] and [`DeletedObject`] are the JSON; [`VendorError`] is an error body in any of the
//! forms in use; [`Api`] makes the calls. A provider adds what only its vendor has: a table of facts and a function
//! that classifies the vendor's codes.

mod api;
mod error;
mod object;
mod paging;

pub use api::{Api, Classify};
pub use error::VendorError;
pub use object::{DeletedObject, FileObject, ListObject};
pub use paging::page_of_all;
