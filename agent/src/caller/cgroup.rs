use std::collections::{BTreeMap, BTreeSet};

/// Length of a container's id in hex digits, with every runtime.
const ID_DIGITS: usize = 64;

/// Where a process lives, read from `/proc/<pid>/cgroup`: for each hierarchy (v1: each controller; v2: one) the path down
/// to the outermost container, and that container's id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Residence {
    prefixes: BTreeMap<String, (String, String)>,
}

impl Residence {
    /// Reads the file's text. Parts of paths that `own`, the agent's own text, has too are passed over: whoever runs the
    /// agent in a container has everything in that container.
    pub fn parse(text: &str, own: &str) -> Self {
        let own: BTreeMap<&str, &str> = own.lines().filter_map(line).collect();
        let mut prefixes = BTreeMap::new();
        for (hierarchy, path) in text.lines().filter_map(line) {
            let shared = own.get(hierarchy).map_or(0, |own| common(own, path));
            let mut prefix = String::new();
            for (n, part) in path.split('/').enumerate() {
                if n > 0 {
                    prefix.push('/');
                }
                prefix.push_str(part);
                if n >= shared
                    && let Some(id) = container_id(part)
                {
                    prefixes.insert(hierarchy.to_owned(), (prefix, id.to_owned()));
                    break;
                }
            }
        }
        Self { prefixes }
    }

    /// Ids of the containers named; more than one is a contradiction.
    pub fn ids(&self) -> BTreeSet<&str> {
        self.prefixes.values().map(|(_, id)| id.as_str()).collect()
    }
}

/// `hierarchy:controllers:path`; the second part tells v1 hierarchies apart as well as the first.
fn line(text: &str) -> Option<(&str, &str)> {
    let path_at = text.match_indices(':').nth(1)?.0;
    Some((text.get(..path_at)?, text.get(path_at + 1..)?))
}

/// How many leading parts two paths share.
fn common(a: &str, b: &str) -> usize {
    a.split('/').zip(b.split('/')).take_while(|(a, b)| a == b).count()
}

/// The id in a part such as `<id>`, `docker-<id>.scope`, `libpod-<id>`, `cri-containerd-<id>.scope`,
/// `kubepods-…:cri-containerd:<id>`.
fn container_id(part: &str) -> Option<&str> {
    part.split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == ID_DIGITS && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn ids(text: &str, own: &str) -> Vec<String> {
        Residence::parse(text, own).ids().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_forms_of_all_runtimes_are_known() {
        for text in [
            format!("0::/system.slice/docker-{A}.scope\n"),
            format!("0::/docker/{A}\n"),
            format!("0::/docker/{A}/init.scope\n"),
            format!("12:memory:/docker/{A}\n3:cpu,cpuacct:/docker/{A}\n1:name=systemd:/docker/{A}\n0::/\n"),
            format!("0::/machine.slice/libpod-{A}.scope/container\n"),
            format!("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope\n"),
            format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{A}.scope\n"),
            format!("0::/kubepods/besteffort/pod2f7c/{A}\n"),
            format!("0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{A}\n"),
        ] {
            assert_eq!(ids(&text, "0::/system.slice/wharden-agent.service\n"), [A], "{text}");
        }
        for text in [
            "0::/user.slice/user-1000.slice/session-2.scope\n".to_owned(),
            format!("0::/docker/{}\n", &A[1..]),
            format!("0::/docker/{A}a\n"),
            format!("0::/docker/{}\n", A.to_uppercase()),
            String::new(),
        ] {
            assert!(ids(&text, "0::/\n").is_empty(), "{text}");
        }
    }

    #[test]
    fn the_outermost_container_counts_except_the_agents_own() {
        assert_eq!(ids(&format!("0::/docker/{A}/docker/{B}\n"), "0::/\n"), [A]);
        let own = format!("0::/docker/{A}/system.slice/wharden-agent.service\n");
        assert_eq!(ids(&format!("0::/docker/{A}/docker/{B}\n"), &own), [B]);
        assert!(ids(&format!("0::/docker/{A}/user.slice\n"), &own).is_empty());
        assert_eq!(ids(&format!("2:cpu:/docker/{A}\n3:memory:/docker/{B}\n"), "0::/\n"), [A, B]);
    }
}
