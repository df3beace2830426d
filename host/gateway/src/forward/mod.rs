//! Requests of clients that go on to a vendor: from the route that the operator opened to the answer that streams back.
//!
//! | module | one job |
//! |---|---|
//! | `lane` | which requests of one provider go on, and its way out for them |
//! | `places` | how many are under way, and how much of their bodies is in memory |
//! | `references` | ids of files in a JSON body, and the body with the vendor's in their place |
//! | `head` | which headers go on, and which come back |

pub(crate) mod head;
pub(crate) mod lane;
pub(crate) mod places;
pub(crate) mod references;
