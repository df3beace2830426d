//! Bytes that changed on the disk are noticed, said, and healed.
