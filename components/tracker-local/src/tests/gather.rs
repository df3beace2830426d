//! Writes that wait are read, ordered and synced as if they did not.

use super::support::*;
use crate::gather::Gathered;
use redb::StorageBackend;

fn bytes(disk: &impl StorageBackend) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(disk.len().unwrap()).unwrap()];
    disk.read(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn neighbours_are_written_at_once_and_before_the_sync() {
    let disk = Disk::default();
    let storage = Gathered::over(disk.clone());
    storage.set_len(100).unwrap();
    disk.take_writes();
    for offset in [30, 10, 50, 20] {
        storage.write(offset, &[offset as u8; 10]).unwrap();
    }
    assert_eq!(disk.take_writes(), []);
    storage.sync_data().unwrap();
    assert_eq!(disk.take_writes(), [(10, 30), (50, 10)]);
    let mut expected = [0; 100];
    for offset in [10, 20, 30, 50] {
        expected[offset..offset + 10].fill(offset as u8);
    }
    assert_eq!(bytes(&disk.after_power_failure()), expected);
}

#[test]
fn a_read_sees_what_waits_and_a_later_write_wins() {
    let disk = Disk::default();
    let storage = Gathered::over(disk.clone());
    storage.set_len(40).unwrap();
    storage.write(0, &[1; 20]).unwrap();
    storage.write(10, &[2; 20]).unwrap();
    let expected = [[1; 10], [2; 10], [2; 10], [0; 10]].concat();
    assert_eq!(bytes(&storage), expected);
    storage.write(30, &[3; 10]).unwrap();
    storage.set_len(35).unwrap();
    assert_eq!(bytes(&storage)[30..], [3; 5]);
    assert_eq!(bytes(&storage), bytes(&disk));
}

#[test]
fn what_waits_has_a_limit() {
    let disk = Disk::default();
    let storage = Gathered::over(disk.clone());
    storage.set_len(4 << 20).unwrap();
    for page in 0..1_024 {
        storage.write(page * 4_096, &[7; 4_096]).unwrap();
    }
    let written: usize = disk.take_writes().iter().map(|(_, length)| length).sum();
    assert!(written >= 3 << 20);
}
