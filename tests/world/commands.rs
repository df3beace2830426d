//! Several commands, one home: they wait, they share, and nothing is lost when one is told to end.
