//! Reads its file in small pieces (setting `CHUNK` bytes, default 4,096) with a sleep after each (`SLEEP_MS`, default
//! 2) and uploads honestly: innocent, and must exhaust no CPU budget.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use guests::Provider;
use guests::honest;
use guests::settings::number;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let chunk = number("CHUNK", 4096).max(1);
        let pause = Duration::from_millis(number("SLEEP_MS", 2));
        let mut bytes = 0;
        let mut input =
            File::open(&file.path).map_err(|error| guests::failure(FailureKind::Internal, error.to_string()))?;
        let mut piece = vec![0; chunk as usize];
        loop {
            match input.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => bytes += count as u64,
                Err(error) => {
                    return Err(guests::failure(FailureKind::Internal, error.to_string()));
                }
            }
            std::thread::sleep(pause);
        }
        let id = format!("slow-{}", options.mark);
        Ok(honest::remote_file(id, bytes, &options))
    }
}

guests::provider!(Hostile);
