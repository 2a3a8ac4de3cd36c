//! Values of flags: ports, sizes, mounts, devices, limits.

use super::LineError;
use serde_json::{Map, Value, json};

fn wrong(flag: &str, value: &str, wanted: &'static str) -> LineError {
    LineError::Value { flag: format!("--{flag}"), value: value.to_owned(), wanted }
}

/// `key=value` words as an object; a word without `=` has the empty value.
pub fn map(words: &[&str]) -> Value {
    let pairs = words.iter().map(|word| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        (key.to_owned(), Value::from(value))
    });
    Value::Object(pairs.collect())
}

/// `64m` in bytes.
///
/// # Errors
/// [`LineError::Value`].
pub fn size(flag: &str, value: &str) -> Result<i64, LineError> {
    let error = || wrong(flag, value, "write a number of bytes, or with b, k, m or g");
    let lower = value.to_ascii_lowercase();
    let (number, unit) = match lower.find(|c: char| !c.is_ascii_digit() && c != '-') {
        Some(at) => lower.split_at(at),
        None => (lower.as_str(), "b"),
    };
    let factor: i64 = match unit {
        "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(error()),
    };
    number.parse::<i64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(error)
}

/// A whole number.
///
/// # Errors
/// [`LineError::Value`].
pub fn number(flag: &str, value: &str) -> Result<i64, LineError> {
    value.parse().map_err(|_| wrong(flag, value, "write a whole number"))
}

/// `1.5` processors in billionths.
///
/// # Errors
/// [`LineError::Value`].
pub fn nano_cpus(value: &str) -> Result<i64, LineError> {
    let error = || wrong("cpus", value, "write a number like 1.5");
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(error());
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| error())? };
    let billionths: i64 = format!("{fraction:0<9}").parse().map_err(|_| error())?;
    whole.checked_mul(1_000_000_000).and_then(|n| n.checked_add(billionths)).filter(|n| *n >= 0).ok_or_else(error)
}

/// Exposed ports, and the bindings of those that are published.
pub type Ports = (Map<String, Value>, Map<String, Value>);

/// `[ip:][host port:]port[/protocol]` words as exposed ports and their bindings.
///
/// # Errors
/// [`LineError::Value`]; ranges are not read.
pub fn ports(words: &[&str]) -> Result<Ports, LineError> {
    let (mut exposed, mut bindings) = (Map::new(), Map::new());
    for word in words {
        let error = || wrong("publish", word, "write [IP:][HOST PORT:]PORT[/PROTOCOL], without ranges");
        let (rest, port) = word.rsplit_once(':').unwrap_or(("", word));
        let (ip, host_port) = match rest.rsplit_once(':') {
            Some((ip, host_port)) => (ip.trim_matches(['[', ']']), host_port),
            None => ("", rest),
        };
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let host_fits = host_port.is_empty() || host_port.parse::<u16>().is_ok();
        if number.parse::<u16>().is_err() || !host_fits || !matches!(protocol, "tcp" | "udp" | "sctp") {
            return Err(error());
        }
        let key = format!("{number}/{protocol}");
        exposed.insert(key.clone(), json!({}));
        let binding = json!({ "HostIp": ip, "HostPort": host_port });
        if let Some(list) = bindings.entry(key).or_insert_with(|| json!([])).as_array_mut() {
            list.push(binding);
        }
    }
    Ok((exposed, bindings))
}

/// `type=bind,source=/a,target=/b,readonly`.
///
/// # Errors
/// [`LineError::Value`].
pub fn mount(word: &str) -> Result<Value, LineError> {
    let error = || wrong("mount", word, "write type=bind|volume|tmpfs,source=…,target=…[,readonly]");
    let (mut kind, mut source, mut target, mut read_only) = ("volume", "", "", false);
    for part in word.split(',') {
        let (key, value) = part.split_once('=').unwrap_or((part, "true"));
        match key {
            "type" if matches!(value, "bind" | "volume" | "tmpfs") => kind = value,
            "source" | "src" => source = value,
            "target" | "destination" | "dst" => target = value,
            "readonly" | "ro" => read_only = matches!(value, "true" | "1"),
            _ => return Err(error()),
        }
    }
    if target.is_empty() {
        return Err(error());
    }
    let mut mount = json!({ "Type": kind, "Target": target });
    if !source.is_empty() {
        mount["Source"] = source.into();
    }
    if read_only {
        mount["ReadOnly"] = true.into();
    }
    Ok(mount)
}

/// `/dev/x[:/dev/y][:rwm]`.
///
/// # Errors
/// [`LineError::Value`].
pub fn device(word: &str) -> Result<Value, LineError> {
    let is_permissions = |s: &str| !s.is_empty() && s.chars().all(|c| matches!(c, 'r' | 'w' | 'm'));
    let parts: Vec<&str> = word.split(':').collect();
    let (host, container, permissions) = match parts.as_slice() {
        [host] => (*host, *host, "rwm"),
        [host, permissions] if is_permissions(permissions) => (*host, *host, *permissions),
        [host, container] => (*host, *container, "rwm"),
        [host, container, permissions] if is_permissions(permissions) => (*host, *container, *permissions),
        _ => return Err(wrong("device", word, "write HOST[:CONTAINER][:rwm]")),
    };
    if host.is_empty() {
        return Err(wrong("device", word, "write HOST[:CONTAINER][:rwm]"));
    }
    Ok(json!({ "PathOnHost": host, "PathInContainer": container, "CgroupPermissions": permissions }))
}

/// `nofile=1024[:2048]`.
///
/// # Errors
/// [`LineError::Value`].
pub fn ulimit(word: &str) -> Result<Value, LineError> {
    let error = || wrong("ulimit", word, "write NAME=SOFT[:HARD]");
    let (name, limits) = word.split_once('=').ok_or_else(error)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let read = |s: &str| s.parse::<i64>().map_err(|_| error());
    Ok(json!({ "Name": name, "Soft": read(soft)?, "Hard": read(hard)? }))
}

/// `on-failure[:3]` and the other restart policies.
///
/// # Errors
/// [`LineError::Value`].
pub fn restart(word: &str) -> Result<Value, LineError> {
    let error = || wrong("restart", word, "write no, always, unless-stopped or on-failure[:N]");
    match word.split_once(':') {
        None if matches!(word, "no" | "always" | "unless-stopped" | "on-failure") => {
            Ok(json!({ "Name": word, "MaximumRetryCount": 0 }))
        }
        Some(("on-failure", count)) => {
            let count: u32 = count.parse().map_err(|_| error())?;
            Ok(json!({ "Name": "on-failure", "MaximumRetryCount": count }))
        }
        _ => Err(error()),
    }
}

/// Splits `-v` words into binds and anonymous volumes.
///
/// # Errors
/// [`LineError::Value`] for a path that only the shell's folder explains.
pub fn volumes<'a>(words: &[&'a str]) -> Result<(Vec<&'a str>, Map<String, Value>), LineError> {
    let (mut binds, mut anonymous) = (Vec::new(), Map::new());
    for word in words {
        if word.starts_with(['.', '~']) {
            return Err(wrong("volume", word, "write the whole path, beginning with /"));
        }
        if word.contains(':') {
            binds.push(*word);
        } else {
            anonymous.insert((*word).to_owned(), json!({}));
        }
    }
    Ok((binds, anonymous))
}
