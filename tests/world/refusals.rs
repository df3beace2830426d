//! A refusal can be read by whoever was refused.
