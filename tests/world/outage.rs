//! A vendor that gives no answer at all.
