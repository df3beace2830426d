//! The fakes of the vendors, asked over plain sockets.

mod common;
mod faults;
mod forms;
mod tls;
mod uploads;
mod vendors;
