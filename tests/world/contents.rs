//! What a file is: real formats and what looks like them.
