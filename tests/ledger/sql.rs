//! The database itself, past every interface: what a person with `psql` sees.

use std::sync::{Arc, Mutex};

use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage};

use crate::place::variable;

/// A connection as the superuser.
pub struct Sql {
    pub client: Client,
    /// What the server said beside its answers, since it was last taken.
    notices: Arc<Mutex<Vec<String>>>,
}

/// Where the server listens.
pub fn url() -> String {
    format!(
        "postgresql://postgres@localhost/postgres?host={}",
        variable("LEDGER_SOCKET")
    )
}

impl Sql {
    pub async fn connect() -> Self {
        let (client, mut connection) = tokio_postgres::connect(&url(), NoTls).await.unwrap();
        let notices = Arc::new(Mutex::new(Vec::new()));
        let heard = notices.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message {
                    heard.lock().unwrap().push(notice.message().to_owned());
                }
            }
        });
        Self { client, notices }
    }

    /// Runs statements that answer nothing.
    pub async fn run(&self, text: &str) {
        self.try_run(text)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
    }

    /// As [`Sql::run`]; otherwise PostgreSQL's code and words.
    pub async fn try_run(&self, text: &str) -> Result<(), String> {
        self.client.batch_execute(text).await.map_err(|error| said(&error))
    }

    /// The first column of every row, as text.
    pub async fn column(&self, text: &str) -> Vec<String> {
        self.try_column(text)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// As [`Sql::column`]; otherwise PostgreSQL's code and words.
    pub async fn try_column(&self, text: &str) -> Result<Vec<String>, String> {
        let messages = self.client.simple_query(text).await.map_err(|error| said(&error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(rows.collect())
    }

    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap())
    }
}

fn said(error: &tokio_postgres::Error) -> String {
    let known = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
    format!("{} {}", known.code().code(), known.message())
}
