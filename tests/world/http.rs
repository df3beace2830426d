//! HTTP in the small, as clients of others expect it.
