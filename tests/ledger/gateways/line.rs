//! A line to the ledger that can be cut, one for each gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A line to one server.
pub struct Line {
    pub address: SocketAddr,
    cut: Arc<watch::Sender<bool>>,
}

impl Line {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let Ok((mut here, _)) = listener.accept().await else {
                    return;
                };
                let mut is_cut = is_cut.clone();
                tokio::spawn(async move {
                    let carry = async {
                        let mut there = TcpStream::connect(("127.0.0.1", port)).await?;
                        tokio::io::copy_bidirectional(&mut here, &mut there).await
                    };
                    tokio::select! {
                        _ = carry => {}
                        _ = is_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self {
            address,
            cut: Arc::new(cut),
        }
    }

    /// Ends every connection, and every new one at once.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}
