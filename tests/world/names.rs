//! What a file is called.
