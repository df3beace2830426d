//! What this machine has for a start.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use loadlock::config::{Config, Size};
use loadlock_server::{Certificate, TlsFiles};
use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};

use super::line::{CheckHealth, Checkup};

/// Below this, the spool soon has no room.
const LITTLE: u64 = 1 << 30;
/// Each connection and each upload has a few.
const DESCRIPTORS: u64 = 4_096;

pub(super) fn look(checkup: &mut Checkup<'_>, config: &Config) -> std::io::Result<()> {
    home(checkup, config)?;
    space(checkup, config)?;
    grants(checkup, config)?;
    certificate(checkup, config)?;
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < DESCRIPTORS => checkup.line(
            "descriptors",
            CheckHealth::Weak,
            &format!("{most} open files at most"),
            Some(&format!(
                "raise the limit to {DESCRIPTORS} or more: `ulimit -n`, or LimitNOFILE= of the unit"
            )),
        ),
        most => checkup.good(
            "descriptors",
            most.map_or("no limit".to_owned(), |most| format!("{most} open files")),
        ),
    }
}

/// The folder itself, or the nearest one above it that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.exists()).unwrap_or(path)
}

fn home(checkup: &mut Checkup<'_>, config: &Config) -> std::io::Result<()> {
    let home = &config.home;
    let place = existing(home);
    let shown = home.display();
    if !place.is_dir() || access(place, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let mend = format!(
            "make {} a folder that this user may write to, or name another `home`",
            place.display()
        );
        return checkup.line(
            "home",
            CheckHealth::Bad,
            &format!("{shown} cannot be written"),
            Some(&mend),
        );
    }
    if place != home {
        return checkup.good("home", format_args!("{shown} is made at the first start"));
    }
    let mode = place
        .metadata()
        .map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let detail = format!("{shown} has mode {mode:o}: others see its names");
        return checkup.line("home", CheckHealth::Weak, &detail, Some(&format!("chmod 700 {shown}")));
    }
    checkup.good("home", format_args!("{shown}, for its owner alone"))
}

fn space(checkup: &mut Checkup<'_>, config: &Config) -> std::io::Result<()> {
    let Ok(disk) = statvfs(existing(&config.home)) else {
        return Ok(());
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let spool = config.limits.spool_size;
    // In whole MiB: a size is shown in the unit that keeps it whole.
    let shown = Size((free >> 20) << 20);
    let detail = format!("{shown} free, of which the spool may take {spool}");
    match free < LITTLE.min(spool.0) {
        true => checkup.line(
            "disk",
            CheckHealth::Bad,
            &detail,
            Some("make room, or put `home` on a larger disk"),
        ),
        false if free < spool.0 => checkup.line(
            "disk",
            CheckHealth::Weak,
            &detail,
            Some("set `limits.spool_size` to what there is"),
        ),
        false => checkup.good("disk", detail),
    }
}

fn grants(checkup: &mut Checkup<'_>, config: &Config) -> std::io::Result<()> {
    if config.grants.is_empty() {
        return checkup.good("grants", "none: files come as bodies alone");
    }
    for grant in &config.grants {
        let root = grant.root.display();
        match access(&grant.root, Access::READ_OK | Access::EXEC_OK) {
            Ok(()) => checkup.good("grants", root)?,
            Err(error) => checkup.line(
                "grants",
                CheckHealth::Bad,
                &format!("{root} cannot be read: {error}"),
                Some("let this user read it, or remove the grant"),
            )?,
        }
    }
    Ok(())
}

fn certificate(checkup: &mut Checkup<'_>, config: &Config) -> std::io::Result<()> {
    let Some(tls) = &config.server.tls else {
        return checkup.good("certificate", "none: plain HTTP, on loopback or behind a proxy");
    };
    let files = TlsFiles {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
    };
    match Certificate::load(files) {
        Ok(_) => checkup.good("certificate", tls.certificate.display()),
        Err(error) => checkup.line(
            "certificate",
            CheckHealth::Bad,
            &error.to_string(),
            Some("`server.tls` needs a certificate chain and its private key, both as PEM"),
        ),
    }
}
