//! Platforms of images. A store may keep one name for several, each with a configuration of its own, its user too; an inspection tells
//! of the host's.

/// `os/architecture[/variant]` as an inspection says it; what it does not say is `unknown`.
pub fn of(os: &str, architecture: &str, variant: &str) -> String {
    let known = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
    let end = if variant.is_empty() { String::new() } else { format!("/{variant}") };
    format!("{}/{}{end}", known(os), known(architecture))
}

/// Whether a request that names a platform gets what was inspected. Nothing is said of an image that was only assumed.
pub fn is(asked: &str, inspected: &str) -> bool {
    let mut known = inspected.split('/');
    let (os, architecture) = (known.next().unwrap_or_default(), known.next().unwrap_or_default());
    let variant = known.next().unwrap_or_default();
    let lower = asked.to_ascii_lowercase();
    let wanted = match lower.split('/').collect::<Vec<_>>().as_slice() {
        // The architecture is the host's then, as it was for the inspection.
        ["linux" | "windows"] => return lower == os,
        [architecture] => usual("linux", architecture, ""),
        [os, architecture] => usual(os, architecture, ""),
        [os, architecture, variant] => usual(os, architecture, variant),
        _ => return false,
    };
    inspected.is_empty() || wanted == usual(os, architecture, variant)
}

/// As the engine writes it (containerd's `platforms.Normalize`).
fn usual(os: &str, architecture: &str, variant: &str) -> [String; 3] {
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64", variant) => ("arm64", variant),
        ("i386", _) => ("386", ""),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        other => other,
    };
    let variant = match (architecture, variant) {
        ("amd64", "v1") | ("arm64", "8" | "v8") => "",
        ("arm", "" | "7") => "v7",
        ("arm", "5") => "v5",
        ("arm", "6") => "v6",
        ("arm", "8") => "v8",
        (_, variant) => variant,
    };
    [os, architecture, variant].map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_the_same_however_it_is_written_and_another_is_not() {
        for (asked, inspected) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/AMD64", "linux/amd64"),
            ("amd64", "linux/amd64"),
            ("x86_64", "linux/amd64"),
            ("linux", "linux/amd64"),
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm64", ""),
        ] {
            assert!(is(asked, inspected), "{asked} {inspected}");
        }
        for (asked, inspected) in [
            ("linux/arm64", "linux/amd64"),
            ("linux/arm/v6", "linux/arm/v7"),
            ("linux/amd64/v3", "linux/amd64"),
            ("windows", "linux/amd64"),
            ("linux/amd64", "unknown/unknown"),
            ("linux/amd64/v1/x", "linux/amd64"),
            ("", "linux/amd64"),
        ] {
            assert!(!is(asked, inspected), "{asked} {inspected}");
        }
        assert_eq!(
            (of("linux", "arm", "v6"), of("", "", "")),
            ("linux/arm/v6".to_owned(), "unknown/unknown".to_owned())
        );
    }
}
