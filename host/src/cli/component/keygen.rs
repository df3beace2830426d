//! `loadlock component keygen`.

use loadlock_registry::SigningKeyPair;
use serde_json::json;

use super::sharing_args::Keygen;
use crate::cli::failure::{Failure, Status};
use crate::cli::output::Output;
use crate::cli::table::fields;
use crate::cli::text::safe;

pub(super) fn run(output: &Output, command: &Keygen) -> Result<Status, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let name = &command.name;
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        let hint = "use letters, digits, `.`, `_` and `-`; `--output` names the folder";
        return Err(Failure::usage(format!("a key cannot be called `{name}`"), hint));
    }
    if let Err(error) = std::fs::create_dir_all(&command.output) {
        let what = format!("cannot make the folder {}: {error}", command.output.display());
        return Err(Failure::usage(what, "name another folder with `--output`"));
    }
    let key = SigningKeyPair::generate();
    let private = command.output.join(format!("{name}.key"));
    let public = command.output.join(format!("{name}.pub"));
    key.write(&private, &public)?;
    let id = key.trusted("").id().to_owned();
    let (private, public) = (private.display().to_string(), public.display().to_string());
    if output.json {
        output.object(&json!({ "id": id, "private": private, "public": public }))?;
    } else if output.quiet {
        output.line(&id)?;
    } else {
        fields(
            output,
            &[("private", safe(&private)), ("public", safe(&public)), ("id", id)],
        )?;
        output.note("keep the private key to yourself; whoever is to trust your components gets the public one");
    }
    Ok(Status::Done)
}
