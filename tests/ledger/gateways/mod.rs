//! Several gateways on one ledger.

mod audit;
mod breakers;
mod chaos;
mod copies;
mod equal;
mod gone;
mod line;
mod model;
mod quotas;
mod servers;
mod site;
mod trips;
mod unheard;
