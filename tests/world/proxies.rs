//! Behind a reverse proxy.
