//! Exports an interface that is none of ours: the host must refuse it when it loads the component, and say which world
//! it expected.

#[allow(missing_docs, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "wit/elsewhere",
        world: "greeting",
    });
}

struct Stranger;

impl bindings::exports::elsewhere::thing::greeter::Guest for Stranger {
    fn greet(name: String) -> String {
        format!("Hello, {name}")
    }
}

bindings::export!(Stranger with_types_in bindings);
