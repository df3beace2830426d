//! The configuration: one file and `LOADLOCK_*` variables.

mod components;
mod defaults;
mod documentation;
mod every_setting;
mod hostile_text;
mod load;
mod network;
mod refusals;
mod reload;
mod support;
