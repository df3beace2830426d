//! The tools: names, descriptions, schemas and annotations. The descriptions are what a model decides by.

use std::sync::{Arc, LazyLock};

use rmcp::handler::server::tool::{schema_for_input, schema_for_output};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use serde_json::Value;

use super::{input, output};

/// What a tool does to the world, as MCP's hints name it.
#[derive(Clone, Copy)]
enum Effect {
    /// Looks.
    Reads,
    /// Adds; equal bytes again change nothing.
    Adds,
    /// Takes away; once gone, again changes nothing.
    Deletes,
}

/// All of them.
pub(super) fn tools() -> Vec<Tool> {
    static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
        vec![
            tool::<input::UploadPath, output::File>(
                "upload_path",
                "Upload a file",
                Effect::Adds,
                "Uploads a file from the gateway's disk to a provider and waits until it is stored. Equal bytes are \
                 stored once.",
            ),
            tool::<input::UploadBytes, output::File>(
                "upload_bytes",
                "Upload inline bytes",
                Effect::Adds,
                "Uploads content given in base64, at most 8 MiB, and waits until it is stored. Use \
                 upload_path for files on the gateway's disk.",
            ),
            tool::<input::UploadMany, output::Many>(
                "upload_many",
                "Upload many files",
                Effect::Adds,
                "Uploads 1 to 100 files from the gateway's disk, a few at a time. Each has its own result; isError is \
                 set if any failed, and the others are stored all the same.",
            ),
            tool::<input::ListFiles, output::Files>(
                "list_files",
                "List files",
                Effect::Reads,
                "Lists uploaded files, newest first, in pages.",
            ),
            tool::<input::OneFile, output::File>(
                "get_file",
                "Show a file",
                Effect::Reads,
                "Shows what is known about one uploaded file.",
            ),
            tool::<input::CopyFile, output::File>(
                "copy_file",
                "Copy a file to another provider",
                Effect::Adds,
                "Makes an uploaded file usable at another provider too, and answers the id that it has there. A copy \
                 that is there already is answered as it is; one that has expired is made again.",
            ),
            tool::<input::ReadText, output::Text>(
                "read_text",
                "Read a file's text",
                Effect::Reads,
                "Reads the text of an uploaded file: its own bytes, or what the vendor extracted from them. Long text \
                 comes in pages: while `truncated` is true, go on with `next_offset`. A file without readable text is \
                 an error, never an empty text.",
            ),
            tool::<input::OneFile, output::Deleted>(
                "delete_file",
                "Delete a file",
                Effect::Deletes,
                "Deletes an uploaded file, and the vendor's copy once no other file shares its bytes. This cannot be \
                 undone.",
            ),
            tool::<input::ProviderHealth, output::Health>(
                "provider_health",
                "Providers and their health",
                Effect::Reads,
                "Asks each provider whether it answers, and shows its name, purposes and limits.",
            ),
        ]
    });
    TOOLS.clone()
}

fn tool<I: JsonSchema + 'static, O: JsonSchema + 'static>(
    name: &'static str,
    title: &'static str,
    effect: Effect,
    description: &'static str,
) -> Tool {
    let annotations = ToolAnnotations::with_title(title)
        .read_only(matches!(effect, Effect::Reads))
        .destructive(matches!(effect, Effect::Deletes))
        .idempotent(true)
        // Providers are services of others; what is listed and shown comes from the gateway, but contents do not.
        .open_world(!matches!(name, "list_files" | "get_file"));
    // Every input is a struct, so its schema is an object; a test lists them all.
    let input = schema_for_input::<I>().unwrap_or_default();
    Tool::new(name, description, plain(&input))
        .with_title(title)
        .with_raw_output_schema(plain(&schema_for_output::<O>()))
        .with_annotations(annotations)
}

/// Without Rust's integer formats: they are not JSON Schema's, and validators complain.
fn plain(schema: &JsonObject) -> Arc<JsonObject> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                if object
                    .get("format")
                    .and_then(Value::as_str)
                    .is_some_and(|format| format.starts_with("uint"))
                {
                    object.remove("format");
                }
                object.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut schema = schema.clone();
    schema.values_mut().for_each(strip);
    Arc::new(schema)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_says_what_it_takes_gives_and_does() {
        let tools = tools();
        assert_eq!(tools.len(), 9);
        for tool in tools {
            let input = &tool.input_schema;
            assert_eq!(input["type"], "object", "{}", tool.name);
            assert_eq!(input["additionalProperties"], false, "{}", tool.name);
            let properties = input["properties"].as_object().unwrap();
            assert!(
                properties
                    .values()
                    .all(|property| property.get("description").is_some()),
                "{}",
                tool.name
            );
            assert_eq!(tool.output_schema.unwrap()["type"], "object", "{}", tool.name);
            assert!(!serde_json::to_string(&tool.input_schema).unwrap().contains("uint"));
            let hints = tool.annotations.unwrap();
            let reads = hints.read_only_hint.unwrap();
            assert_eq!(hints.destructive_hint, Some(tool.name == "delete_file"));
            let changes = tool.name.starts_with("upload") || matches!(&*tool.name, "copy_file" | "delete_file");
            assert_eq!(reads, !changes);
        }
    }
}
