//! What each tool does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use loadlock_gateway::{Body, Error, ErrorCode, ListRequest, Principal, Result, Source, UploadRequest};
use rmcp::RoleServer;
use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use serde::Serialize;
use serde_json::{Map, Value};

use super::progress::Reporter;
use super::server::McpServer;
use super::text::Window;
use super::uploading::upload;
use super::{input, output, results};
use crate::upload_options::UploadOptions;

/// Of one `upload_many`, like the command line.
const AT_A_TIME: usize = 4;

type Context = RequestContext<RoleServer>;

/// Calls a tool of the catalogue.
pub(super) async fn call(
    server: &McpServer,
    who: Principal,
    tool: &str,
    arguments: Map<String, Value>,
    context: &Context,
) -> Result<CallToolResult> {
    match tool {
        "upload_path" => upload_path(server, &who, input::read(arguments)?, context).await,
        "upload_bytes" => upload_bytes(server, &who, input::read(arguments)?, context).await,
        "upload_many" => upload_many(server, &who, input::read(arguments)?, context).await,
        "list_files" => list_files(server, &who, input::read(arguments)?).await,
        "get_file" => {
            let input::OneFile { id } = input::read(arguments)?;
            let file = server.app.gateway().get(&who, &id).await?;
            results::done(&output::File::from(file))
        }
        "copy_file" => {
            let input::CopyFile { id, to, purpose } = input::read(arguments)?;
            let copy = server.app.uploads().copy(who, id, to, purpose);
            tokio::select! {
                made = copy => results::done(&output::File::from(made?.file)),
                () = context.ct.cancelled() => Err(Error::new(ErrorCode::Cancelled, "the client cancelled")),
            }
        }
        "read_text" => {
            let work = read_text(server, &who, input::read(arguments)?);
            tokio::select! {
                read = work => read,
                () = context.ct.cancelled() => Err(Error::new(ErrorCode::Cancelled, "the client cancelled")),
            }
        }
        "delete_file" => {
            let input::OneFile { id } = input::read(arguments)?;
            server.app.gateway().delete(&who, &id).await?;
            results::done(&output::Deleted { id, deleted: true })
        }
        "provider_health" => provider_health(server, &who, input::read(arguments)?).await,
        unknown => Err(Error::new(
            ErrorCode::Internal,
            format!("the tool `{unknown}` is not implemented"),
        )),
    }
}

fn path_request(server: &McpServer, path: String, options: &UploadOptions) -> UploadRequest {
    options.request(Source::Path {
        path: path.into(),
        current_dir: server.current_dir(),
    })
}

async fn upload_path(
    server: &McpServer,
    who: &Principal,
    wanted: input::UploadPath,
    context: &Context,
) -> Result<CallToolResult> {
    let options = UploadOptions {
        name: wanted.name,
        media_type: None,
        purpose: wanted.purpose,
        provider: None,
        expires_in_s: wanted.expires_in_s,
        idempotency_key: wanted.idempotency_key,
        ..UploadOptions::default()
    };
    let options = options.to(wanted.to).check()?;
    let request = path_request(server, wanted.path, &options);
    upload_one(server, who, request, context).await
}

async fn upload_bytes(
    server: &McpServer,
    who: &Principal,
    wanted: input::UploadBytes,
    context: &Context,
) -> Result<CallToolResult> {
    let options = UploadOptions {
        name: None,
        media_type: wanted.media_type,
        purpose: wanted.purpose,
        provider: None,
        expires_in_s: wanted.expires_in_s,
        idempotency_key: wanted.idempotency_key,
        ..UploadOptions::default()
    };
    let options = options.to(wanted.to).check()?;
    let content = inline(&wanted.content_base64)?;
    let request = options.request(Source::Body(Body {
        stream: futures::stream::iter([Ok(content)]).boxed(),
        name: wanted.name,
        media_type: options.media_type.clone(),
    }));
    upload_one(server, who, request, context).await
}

async fn upload_one(
    server: &McpServer,
    who: &Principal,
    request: UploadRequest,
    context: &Context,
) -> Result<CallToolResult> {
    let reporter = Reporter::new(context, 1);
    let file = upload(&server.app, who, request, context, &reporter, 0).await?;
    results::done(&output::File::from(file))
}

async fn upload_many(
    server: &McpServer,
    who: &Principal,
    wanted: input::UploadMany,
    context: &Context,
) -> Result<CallToolResult> {
    let count = wanted.paths.len();
    if !(1..=input::MANY).contains(&count) {
        return Err(Error::new(
            ErrorCode::RequestInvalid,
            format!("`paths` has {count} paths; 1 to {} are allowed", input::MANY),
        )
        .hint("split them over several calls"));
    }
    let options = UploadOptions {
        purpose: wanted.purpose,
        ..UploadOptions::default()
    };
    let options = options.to(wanted.to).check()?;
    let reporter = &Reporter::new(context, count);
    let uploads = wanted.paths.into_iter().enumerate().map(|(index, path)| {
        let request = path_request(server, path.clone(), &options);
        async move {
            let result = if context.ct.is_cancelled() {
                Err(Error::new(ErrorCode::Cancelled, "the client cancelled before it began"))
            } else {
                upload(&server.app, who, request, context, reporter, index).await
            };
            let (file, error) = match result {
                Ok(file) => (Some(file.into()), None),
                Err(error) => (None, Some(error.into())),
            };
            output::Outcome { path, file, error }
        }
    });
    let results: Vec<_> = futures::stream::iter(uploads).buffered(AT_A_TIME).collect().await;
    let failed = results.iter().filter(|outcome| outcome.error.is_some()).count();
    let mut answer = results::done(&output::Many {
        stored: count - failed,
        failed,
        results,
    })?;
    // A model that looks no further must not take a part for the whole.
    answer.is_error = Some(failed > 0);
    Ok(answer)
}

async fn list_files(server: &McpServer, who: &Principal, wanted: input::ListFiles) -> Result<CallToolResult> {
    let limit = wanted.limit.unwrap_or(20);
    if !(1..=input::PAGE).contains(&limit) {
        return Err(Error::new(
            ErrorCode::RequestInvalid,
            format!("`limit` is 1 to {}", input::PAGE),
        ));
    }
    let request = ListRequest {
        cursor: wanted.cursor,
        limit,
        purpose: wanted.purpose,
        ascending: false,
    };
    let page = server.app.gateway().list(who, request).await?;
    results::done(&output::Files {
        files: page.files.into_iter().map(output::File::from).collect(),
        next: page.next,
    })
}

async fn read_text(server: &McpServer, who: &Principal, wanted: input::ReadText) -> Result<CallToolResult> {
    let (offset, limit) = (
        wanted.offset.unwrap_or(0),
        wanted.max_bytes.unwrap_or(input::TEXT_BYTES),
    );
    if !(input::LEAST_TEXT_BYTES..=input::MOST_TEXT_BYTES).contains(&limit) {
        return Err(Error::new(
            ErrorCode::RequestInvalid,
            format!(
                "`max_bytes` is {} to {}",
                input::LEAST_TEXT_BYTES,
                input::MOST_TEXT_BYTES
            ),
        ));
    }
    let mut content = server.app.gateway().content(who, &wanted.id).await?;
    let mut window = Window::new(offset, limit as usize);
    let mut whole = true;
    while let Some(chunk) = content.chunks.recv().await {
        if !window.push(&chunk) {
            whole = false;
            break;
        }
    }
    drop(content.chunks);
    let kind = if whole {
        // The end of the stream is not success.
        let info = content
            .end
            .await
            .map_err(|error| Error::new(ErrorCode::Internal, format!("reading ended: {error}")))??;
        Some(word(&info.kind))
    } else {
        None
    };
    let page = window.page()?;
    results::done(&output::Text {
        id: content.file.id,
        filename: content.file.filename,
        kind,
        offset,
        text: page.text,
        truncated: page.next.is_some(),
        next_offset: page.next,
    })
}

async fn provider_health(server: &McpServer, who: &Principal, wanted: input::ProviderHealth) -> Result<CallToolResult> {
    let gateway = server.app.gateway();
    let mut views = gateway.providers(who).await?;
    if let Some(name) = &wanted.provider {
        let known: Vec<_> = views.iter().map(|view| format!("`{}`", view.name)).collect();
        let hint = format!("configured are {}", known.join(", "));
        views.retain(|view| view.name == *name);
        if views.is_empty() {
            let message = format!("there is no provider `{name}`");
            return Err(Error::new(ErrorCode::ProviderUnknown, message).hint(hint));
        }
    }
    let providers = futures::future::try_join_all(views.into_iter().map(async |view| {
        let probe = gateway.probe(who, &view.name).await?;
        Ok::<_, Error>(output::Provider {
            healthy: probe.healthy,
            detail: probe.detail,
            breaker: view.breaker,
            in_flight: view.in_flight,
            automatic: view.order.is_some(),
            purposes: view
                .profile
                .purposes
                .iter()
                .map(|purpose| output::Purpose {
                    name: purpose.purpose.clone(),
                    max_bytes: purpose.max_bytes,
                    content: word(&purpose.content),
                })
                .collect(),
            name: view.name,
        })
    }))
    .await?;
    results::done(&output::Health { providers })
}

/// Decodes inline content within its limit.
pub(super) fn inline(encoded: &str) -> Result<Bytes> {
    let largest = input::INLINE_BYTES.div_ceil(3) * 4;
    let too_large = || {
        Error::new(
            ErrorCode::FileTooLarge,
            format!("inline content has a limit of {} bytes (8 MiB)", input::INLINE_BYTES),
        )
        .hint("use `upload_path`, or send the file over HTTP: POST /v1/files")
    };
    if encoded.len() > largest {
        return Err(too_large());
    }
    let content = STANDARD.decode(encoded).map_err(|error| {
        Error::new(
            ErrorCode::RequestInvalid,
            format!("`content_base64` is not base64: {error}"),
        )
        .hint("encode the bytes as RFC 4648 §4 says, with padding and without line breaks")
    })?;
    if content.len() > input::INLINE_BYTES {
        return Err(too_large());
    }
    Ok(content.into())
}

/// A word of the model as it is spelled everywhere.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
