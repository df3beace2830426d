//! A second, trivial version of the contract, to show what adding one takes: this module, its line in `CONTRACTS`, its
//! number in `inspect::VERSIONS`, and its WIT (here one function that answers the size of the largest name).

use std::sync::Arc;

use loadlock_policy::model::ValidationRules;
use wasmtime::Store;
use wasmtime::component::{InstancePre, TypedFunc};

use super::calls::{Called, Contract, Instantiate, ValidatorCalls};
use crate::inspect::export_of;
use crate::model::validator::{FileCandidate, FileRefusal, ValidatedFile};
use crate::state::CallState;

const VERSION: &str = "0.0.1";

/// `export loadlock:upload/validator@0.0.1 { longest-name: func() -> u32; }`
struct OldValidator(TypedFunc<(), (u32,)>);

impl ValidatorCalls for OldValidator {
    fn inspect<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        candidate: FileCandidate,
        _rules: &ValidationRules,
    ) -> Called<'s, Result<ValidatedFile, FileRefusal>> {
        Box::pin(async move {
            let (longest,) = self.0.call_async(store, ()).await?;
            let name = String::from_utf8_lossy(&candidate.name).into_owned();
            if name.len() > longest as usize {
                return Ok(Err(FileRefusal {
                    code: "name_too_long".to_owned(),
                    reason: format!("the name has {} bytes; at most {longest} are allowed", name.len()),
                    hint: "shorten it".to_owned(),
                }));
            }
            Ok(Ok(ValidatedFile {
                name,
                media_type: "application/octet-stream".to_owned(),
                extension: String::new(),
            }))
        })
    }
}

fn validator(pre: InstancePre<CallState>) -> wasmtime::Result<Instantiate<dyn ValidatorCalls>> {
    let component = pre.component();
    let interface = component
        .get_export_index(None, export_of("validator", VERSION))
        .ok_or_else(|| wasmtime::format_err!("no validator"))?;
    let function = component
        .get_export_index(Some(&interface), "longest-name")
        .ok_or_else(|| wasmtime::format_err!("no `longest-name`"))?;
    let pre = Arc::new(pre);
    Ok(Arc::new(move |store| {
        let pre = pre.clone();
        Box::pin(async move {
            let instance = pre.instantiate_async(&mut *store).await?;
            let function = instance.get_typed_func(&mut *store, function)?;
            Ok(Box::new(OldValidator(function)) as Box<dyn ValidatorCalls>)
        })
    }))
}

pub(super) const CONTRACT: Contract = Contract {
    version: VERSION,
    provider: |_| Err(wasmtime::format_err!("no provider in this version")),
    tracker: |_| Err(wasmtime::format_err!("no tracker in this version")),
    coordination: |_| Err(wasmtime::format_err!("no coordination in this version")),
    batches: |_| Err(wasmtime::format_err!("no batches in this version")),
    validator,
    auth: |_| Err(wasmtime::format_err!("no auth in this version")),
};

mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::validator::Validator;
    use crate::{CompileOptions, EngineOptions, LoadError, Sandbox, Source};

    /// Exports the interface of one role in one version; its only function answers 8.
    fn component(interface: &str, version: &str) -> Source {
        let text = format!(
            r#"(component
                (core module $code (func (export "longest-name") (result i32) i32.const 8))
                (core instance $made (instantiate $code))
                (func $longest-name (result u32) (canon lift (core func $made "longest-name")))
                (instance $role (export "longest-name" (func $longest-name)))
                (export "{}" (instance $role)))"#,
            export_of(interface, version)
        );
        Source {
            name: "old.wasm".to_owned(),
            bytes: wat::parse_str(text).unwrap().into(),
            pin: None,
            built_in: true,
        }
    }

    fn sandbox() -> Sandbox {
        let engine = EngineOptions {
            slots: 2,
            ..EngineOptions::default()
        };
        Sandbox::new(&engine, CompileOptions::default()).unwrap()
    }

    fn named(name: &str) -> FileCandidate {
        FileCandidate {
            name: name.as_bytes().to_vec(),
            folder: Vec::new(),
            size: 1,
            head: vec![0],
            declared_type: None,
        }
    }

    #[tokio::test]
    async fn a_component_of_another_version_is_called_through_the_same_role() {
        let validator = Validator::load(&sandbox(), &component("validator", VERSION))
            .await
            .unwrap();
        assert_eq!(validator.inspection().version.as_deref(), Some(VERSION));
        let rules = ValidationRules::default();
        let accepted = validator.inspect(named("a.txt"), &rules).await.unwrap().unwrap();
        assert_eq!(accepted.name, "a.txt");
        let refused = validator
            .inspect(named("much-longer.txt"), &rules)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(refused.code, "name_too_long");
        // What the role checks holds for every version.
        assert!(validator.inspect(named("a/b"), &rules).await.is_err());
    }

    #[tokio::test]
    async fn a_version_that_nobody_speaks_and_another_role_are_refused() {
        let sandbox = sandbox();
        for source in [component("validator", "9.0.0"), component("tracker", VERSION)] {
            let refused = Validator::load(&sandbox, &source).await.err().unwrap();
            assert!(matches!(refused, LoadError::WrongWorld { .. }), "{refused}");
        }
    }

    /// Roles and everything above name no version.
    #[test]
    fn no_version_is_named_above_the_contract() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![
            root.join("src/roles"),
            root.join("src/model"),
            root.join("../gateway/src"),
        ];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for word in ["v0_1", "v0_2", "crate::bindings"] {
                    assert!(!text.contains(word), "{} names `{word}`", path.display());
                }
            }
        }
    }
}
