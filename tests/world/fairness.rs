//! No client, tenant or component takes what belongs to the others.
