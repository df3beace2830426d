//! A vendor of files on loopback, to test against: keeps them in memory. Prints its base URL, then serves until it is
//! ended.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Vendor {
    files: BTreeMap<String, (String, Vec<u8>)>,
    number: u64,
}

impl Vendor {
    fn shown(&self, id: &str) -> String {
        let (name, body) = &self.files[id];
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!(r#"{{"id":"{id}","name":"{name}","bytes":{}}}"#, body.len())
    }

    fn answer(&mut self, method: &str, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let value = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            decoded(pair.unwrap_or_default())
        };
        let parts: Vec<&str> = path.trim_start_matches("/v1/files").split('/').filter(|part| !part.is_empty()).collect();
        match (method, parts.as_slice()) {
            ("POST", []) => {
                self.number += 1;
                let id = format!("file-{:06}-{:08x}", self.number, self.number * 2_654_435_761 % (1 << 32));
                self.files.insert(id.clone(), (value("name"), body));
                (201, self.shown(&id).into_bytes())
            }
            ("GET", []) => {
                let (after, limit) = (value("after"), value("limit").parse().unwrap_or(100));
                let ids: Vec<&String> = self.files.keys().filter(|id| **id > after).collect();
                let page = &ids[..ids.len().min(limit)];
                let next = page.last().filter(|_| page.len() < ids.len());
                let next = next.map_or("null".to_owned(), |id| format!("{id:?}"));
                let files: Vec<String> = page.iter().map(|id| self.shown(id)).collect();
                (200, format!(r#"{{"files":[{}],"next":{next}}}"#, files.join(",")).into_bytes())
            }
            (_, [id, ..]) if !self.files.contains_key(*id) => (404, br#"{"error":"no such file"}"#.to_vec()),
            ("DELETE", [id]) => {
                self.files.remove(*id);
                (200, br#"{"deleted":true}"#.to_vec())
            }
            ("GET", [id]) => (200, self.shown(id).into_bytes()),
            ("GET", [id, "content"]) => (200, self.files[*id].1.clone()),
            _ => (405, Vec::new()),
        }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        let hex = || Some([*rest.clone().next()?, *rest.clone().nth(1)?]);
        match (byte, hex().and_then(|hex| u8::from_str_radix(str::from_utf8(&hex).ok()?, 16).ok())) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest.nth(1);
            }
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn serve(mut stream: TcpStream, vendor: &Mutex<Vendor>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().to_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().map_err(Error::other)?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, body) = vendor.lock().map_err(|_| Error::other("a request failed"))?.answer(method, path, body);
    write!(stream, "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

fn main() -> Result<()> {
    let port = std::env::var("PORT").unwrap_or("0".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("http://{}/v1", listener.local_addr()?);
    let vendor = Arc::new(Mutex::new(Vendor::default()));
    for stream in listener.incoming() {
        let (stream, vendor) = (stream?, vendor.clone());
        std::thread::spawn(move || serve(stream, &vendor));
    }
    Ok(())
}
