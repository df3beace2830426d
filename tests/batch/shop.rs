//! A place whose only provider is a fake of Kimi.

use std::process::{Child, Command};

use loadlock_upstream::{Operation, Options, Recorded, Upstream, Vendor};

use crate::place::{Place, Ran};

const KEY: &str = "sk-batch";

pub(crate) struct Shop {
    pub(crate) place: Place,
    pub(crate) upstream: Upstream,
    config: String,
}

impl Shop {
    pub(crate) async fn start() -> Self {
        let (place, upstream) = (
            Place::new(),
            Upstream::start(Vendor::Kimi, Options::with_key(KEY)).await.unwrap(),
        );
        let base = upstream.base_url();
        let text = format!(
            "grants = [{{ root = {:?} }}]\n[providers.kimi]\nsettings = {{ base_url = \"{base}\" }}\n\
             egress = [{{ url = \"{base}/files\", methods = [\"GET\", \"POST\", \"DELETE\"], private = true }}]\n\
             credential = {{ header = \"Authorization\", value = \"Bearer ${{env:SHOP_KEY}}\" }}\nretry = {{ base = \
                  \"1ms\" }}\n",
            place.files()
        );
        let config = place.0.path().join("loadlock.toml");
        std::fs::write(&config, text).unwrap();
        Self {
            place,
            upstream,
            config: config.to_str().unwrap().to_owned(),
        }
    }

    /// `number` small files of different content in `batch/`, named in order.
    pub(crate) fn files(&self, number: usize) {
        std::fs::create_dir(self.place.files().join("batch")).unwrap();
        for n in 0..number {
            self.place.file(&format!("batch/{n:03}.txt"), &format!("content {n}"));
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.args(["--config", &self.config]).env("SHOP_KEY", KEY);
        command
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        end(self.spawn(arguments)).await
    }

    /// Waits until the fake's uploads satisfy `until`.
    pub(crate) async fn uploads(&self, mut until: impl FnMut(&[&Recorded]) -> bool) {
        self.upstream
            .requests()
            .wait(|all| {
                let creates: Vec<_> = all
                    .iter()
                    .filter(|one| one.operation == Some(Operation::Create))
                    .collect();
                until(&creates)
            })
            .await;
    }
}

/// Waits for the end, while the fake goes on.
pub(crate) async fn end(child: Child) -> Ran {
    let output = tokio::task::spawn_blocking(|| child.wait_with_output());
    Ran::of(output.await.unwrap().unwrap())
}

/// How many have an answer, or would have if it were not kept back.
pub(crate) fn answered(uploads: &[&Recorded]) -> usize {
    uploads.iter().filter(|one| one.status.is_some()).count()
}
