//! Archives that are made here: those that programs write, and evil ones.

use super::{header::BLOCK, *};
use wharden_model::{Action, FactValue, Facts};

/// A header as Go writes it.
fn header(name: &str, flag: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    for (at, digits) in [(100, "0000644\0".to_owned()), (108, "0000000\0".to_owned()), (116, "0000000\0".to_owned())] {
        block[at..at + digits.len()].copy_from_slice(digits.as_bytes());
    }
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[329..345].copy_from_slice(b"0000000\x000000000\0");
    sum(&mut block);
    block
}

fn sum(block: &mut [u8; BLOCK]) {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn changed(mut block: [u8; BLOCK], change: impl FnOnce(&mut [u8; BLOCK])) -> Vec<u8> {
    change(&mut block);
    sum(&mut block);
    block.to_vec()
}

fn filled(content: &[u8]) -> Vec<u8> {
    let mut out = content.to_vec();
    out.resize(content.len().next_multiple_of(BLOCK), 0);
    out
}

fn file(name: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [header(name, b'0', content.len() as u64).to_vec(), filled(content)].concat()
}

fn folder(name: &str) -> Vec<u8> {
    header(name, b'5', 0).to_vec()
}

fn link(name: &str, to: &str) -> Vec<u8> {
    changed(header(name, b'2', 0), |block| block[157..157 + to.len()].copy_from_slice(to.as_bytes()))
}

fn records(line: &str) -> Vec<u8> {
    [header("PaxHeaders.0/x", b'x', line.len() as u64).to_vec(), filled(line.as_bytes())].concat()
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 2 * BLOCK]].concat()
}

fn manifest(names: &[&str]) -> Vec<u8> {
    let manifest = serde_json::json!([{ "Config": "c.json", "RepoTags": names, "Layers": [] }]).to_string();
    [file("manifest.json", manifest), file("c.json", "{}")].concat()
}

/// Reads in pieces, and holds every piece back that brings the end.
fn read_in(bytes: &[u8], step: usize) -> Result<Names, String> {
    let mut archive = Archive::default();
    for piece in bytes.chunks(step) {
        archive.read(piece).map_err(|refusal| refusal.message)?;
    }
    archive.names().map_err(|refusal| refusal.message)
}

fn read(bytes: &[u8]) -> Result<Names, String> {
    let whole = read_in(bytes, usize::MAX);
    for step in [1, 300, 512, 4096] {
        assert_eq!(read_in(bytes, step), whole, "in pieces of {step}");
    }
    whole
}

fn given(bytes: &[u8]) -> Vec<String> {
    read(bytes).expect("an image archive").given.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    let message = read(bytes).expect_err(why);
    assert!(message.contains(why), "{why:?}: {message}");
}

const FULL: &str = "docker.io/library/app:1";

#[test]
fn what_docker_saves_passes() {
    let layer = vec![7; 100_000];
    let id = "4f49f6b5".repeat(8);
    // Before 25: folders of layers, and links to layers that are there already.
    let old = archive(&[
        folder(&format!("{id}/")),
        file(&format!("{id}/VERSION"), "1.0"),
        file(&format!("{id}/json"), "{}"),
        file(&format!("{id}/layer.tar"), &layer),
        folder("other/"),
        link("other/layer.tar", &format!("../{id}/layer.tar")),
        file(&format!("{id}.json"), "{}"),
        manifest(&["app:1"]),
        file("repositories", format!(r#"{{"app":{{"1":"{id}"}}}}"#)),
    ]);
    assert_eq!(given(&old), [FULL]);
    // Since: OCI and Docker's in one.
    let index = r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:0","size":1,"annotations":
        {"io.containerd.image.name":"docker.io/library/app:1","org.opencontainers.image.ref.name":"1"}}]}"#;
    let new = archive(&[
        folder("blobs/"),
        folder("blobs/sha256/"),
        file(&format!("blobs/sha256/{id}"), &layer),
        file("index.json", index),
        records("20 mtime=1700000000\n"),
        manifest(&["app:1"]),
        file("oci-layout", r#"{"imageLayoutVersion": "1.0.0"}"#),
    ]);
    assert_eq!(given(&new), [FULL]);
    // OCI alone, of buildx and skopeo.
    for (annotations, name) in [
        (
            r#"{"io.containerd.image.name":"r.example/a/b:2","org.opencontainers.image.ref.name":"2"}"#,
            "r.example/a/b:2",
        ),
        (r#"{"org.opencontainers.image.ref.name":"localhost/b:2"}"#, "localhost/b:2"),
    ] {
        let index = format!(r#"{{"manifests":[{{"annotations":{annotations}}}]}}"#);
        assert_eq!(given(&archive(&[file("index.json", index)])), [name]);
    }
    // Of ko and others, repacked from the folder, padded as GNU tar does, of a program that writes no magic.
    assert_eq!(given(&[archive(&[folder("./"), manifest(&["app:1"])]), vec![0; 9000]].concat()), [FULL]);
    let mut v7 = manifest(&["app:1"]);
    let block: &mut [u8; BLOCK] = v7.first_chunk_mut().expect("a header");
    block[257..].fill(0);
    sum(block);
    assert_eq!(given(&archive(&[v7])), [FULL]);
    let gnu = changed(header("layer", b'0', 0), |block| block[257..265].copy_from_slice(b"ustar  \0"));
    assert_eq!(given(&archive(&[gnu, manifest(&["app:1"])])), [FULL]);
}

#[test]
fn every_document_gives_names_whichever_the_engine_reads() {
    let all = archive(&[
        manifest(&["app:1", "quay.io/x/y:2"]),
        file("repositories", r#"{"old":{"3":"x","4":"y"},"none":null}"#),
        file("index.json", r#"{"manifests":[{"annotations":{"io.containerd.image.name":"new:5"}},{}]}"#),
    ]);
    let names =
        ["docker.io/library/app:1", "docker.io/library/new:5", "docker.io/library/old:3", "docker.io/library/old:4"];
    assert_eq!(given(&all), [&names[..], &["quay.io/x/y:2"]].concat());
}

#[test]
fn facts_are_of_each_name_with_all_beside_it() {
    let request = Facts::zero(Action::ImageLoad);
    let facts = |bytes: &[u8]| read(bytes).expect("an archive").facts(&request).collect::<Vec<_>>();
    let text = |facts: &Facts, name: &str| match facts.get(name) {
        Some(FactValue::String(text)) => text.clone(),
        other => panic!("{name}: {other:?}"),
    };
    let two = facts(&archive(&[manifest(&["r.example/a/b:2", "app:1"])]));
    let targets: Vec<_> = two.iter().map(|facts| text(facts, "target")).collect();
    assert_eq!(targets, ["docker.io/library/app:1", "r.example/a/b:2"]);
    let parts = ["target_registry", "target_repository", "target_tag"].map(|name| text(&two[1], name));
    assert_eq!(parts, ["r.example", "a/b", "2"]);
    let all: FactValue = ["docker.io/library/app:1", "r.example/a/b:2"]
        .map(str::to_owned)
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into();
    assert!(
        two.iter().all(|facts| facts.get("tags") == Some(&all) && facts.get("names_unread") == Some(&false.into()))
    );
    // An image without a name is judged as one.
    for unnamed in [r#"[{"Config":"c.json","RepoTags":null}]"#, r#"[{"Config":"c.json"}]"#, "[]"] {
        let facts = facts(&archive(&[file("manifest.json", unnamed), file("c.json", "{}")]));
        assert!(facts.len() == 1 && text(&facts[0], "target").is_empty(), "{unnamed}");
    }
    let mixed = r#"[{"Config":"c.json","RepoTags":["app:1"]},{"Config":"c.json","RepoTags":[]}]"#;
    let mixed = archive(&[file("manifest.json", mixed), file("c.json", "{}")]);
    let targets: Vec<_> = facts(&mixed).iter().map(|f| text(f, "target")).collect();
    assert_eq!(targets, [FULL, ""]);
    // Every fact of the archive is in the table.
    assert!(FROM_ARCHIVE.iter().all(|name| request.get(name).is_some()));
}

#[test]
fn no_name_leads_to_a_document_in_a_roundabout_way() {
    let good = || manifest(&["app:1"]);
    let evil = r#"[{"RepoTags":["evil:1"]}]"#;
    for name in [
        "./manifest.json",
        "a/../manifest.json",
        "/manifest.json",
        "a//b",
        "..",
        "../manifest.json",
        "a/./b",
        "manifest.json/",
        "",
    ] {
        refused(&archive(&[good(), file(name, evil)]), "the one short way");
    }
    refused(&archive(&[good(), file("Manifest.JSON", evil)]), "is not the document manifest.json");
    refused(&archive(&[good(), file("manifest.json/x", evil)]), "is not the document manifest.json");
    refused(&archive(&[good(), folder("index.json/")]), "is not the document index.json");
    refused(&archive(&[good(), folder("repositories")]), "is not the document repositories");
    refused(&archive(&[good(), good()]), "manifest.json is in it twice");
    refused(&archive(&[link("manifest.json", "x.json"), file("x.json", evil)]), "is a link");
    refused(&archive(&[link("a", "."), file("a/manifest.json", evil)]), "is a link");
    refused(&archive(&[link("a.tar", "."), file("a.tar/manifest.json", evil)]), "takes a layer");
    refused(&archive(&[link("a.tar", "."), folder("a.tar")]), "takes a layer");
    refused(&archive(&[changed(header("manifest.json", b'1', 0), |_| {}), good()]), "a hard link");
    refused(&archive(&[file("manifest\\json", evil), good()]), "characters");
    refused(&archive(&[file("manifest.json\u{a0}", evil), good()]), "characters");
}

#[test]
fn headers_that_readers_differ_about_are_refused() {
    let good = || manifest(&["app:1"]);
    let evil = |change: &dyn Fn(&mut [u8; BLOCK])| archive(&[changed(header("x", b'0', 0), change), good()]);
    for (flag, why) in [
        (b'g', "for all entries"),
        (b'L', "GNU's own form"),
        (b'K', "GNU's own form"),
        (b'S', "sparse"),
        (b'7', "unknown"),
        (b'3', "a device"),
    ] {
        refused(&evil(&|block| block[156] = flag), why);
    }
    // A long name comes in two parts, which not all put together.
    refused(&evil(&|block| block[345..353].copy_from_slice(b"manifest")), "in two parts");
    refused(&evil(&|block| block[500] = 1), "old format");
    // GNU's headers have times where others have names.
    refused(
        &evil(&|block| {
            block[257..265].copy_from_slice(b"ustar  \0");
            block[345] = b'a';
        }),
        "old format",
    );
    refused(&evil(&|block| block[257..265].copy_from_slice(b"ustar\0\0\0")), "old format");
    refused(&evil(&|block| block[50..58].copy_from_slice(b"manifest")), "something follows the name");
    for size in [
        &b"00000000012x"[..],
        b"\x0000000000012",
        b"            ",
        b"-0000000012\0",
        b"12\x0000000005\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x80\0\0\0\0\0\0\0\0\0\x02\0",
        b"\x80\0\0\0\xff\0\0\0\0\0\0\0",
    ] {
        refused(&evil(&|block| block[124..136].copy_from_slice(size)), "cannot be read, or makes no sense");
    }
    refused(&archive(&[changed(header("a/", b'5', 512), |_| {}), good()]), "is no file");
    let mut damaged = archive(&[good()]);
    damaged[0] ^= 1;
    refused(&damaged, "checksum");
    refused(&archive(&[file("BZh91AY", ""), good()]), "packed once more");
    refused(b"\x1f\x8b\x08".repeat(200).as_slice(), "packed once more");
    // Neither gzip nor tar.
    refused(&[b'x'; 2 * BLOCK], "no tar archive");
    for (line, why) in [
        ("22 path=manifest.json\n", "\"path\""),
        ("21 GNU.sparse.major=1\n", "malformed"),
        ("22 GNU.sparse.major=1\n", "\"GNU.sparse.major\""),
        ("9 size=1\n", "makes no sense"),
    ] {
        refused(&archive(&[records(line), good()]), why);
    }
    refused(&archive(&[records("11 mtime=1\n"), records("11 mtime=1\n"), good()]), "follows another");
    refused(&[good(), records("11 mtime=1\n"), vec![0; 2 * BLOCK]].concat(), "ends after");
}

#[test]
fn the_end_is_the_end() {
    let mut held = Archive::default();
    let whole = archive(&[manifest(&["app:1"])]);
    let (before, last) = whole.split_at(whole.len() - 1);
    held.read(before).expect("good");
    assert!(!held.has_ended(), "the engine waits for the last byte");
    assert_eq!(held.read(&[last, &[0; 9]].concat()), Ok(last.len()), "zeros behind the end are not a part of it");
    assert!(held.has_ended());
    assert_eq!(held.read(&[0; 700]), Ok(0));
    assert!(held.read(b"x").is_err());
    refused(&manifest(&["app:1"]), "stops before its end");
    refused(&[manifest(&["app:1"]), vec![0; 600]].concat(), "stops before its end");
    assert!(read(&[manifest(&["app:1"]), vec![0; BLOCK]].concat()).is_ok(), "one block of zeros is an end");
    refused(&[manifest(&["app:1"]), vec![0; BLOCK], manifest(&["evil:1"])].concat(), "something follows");
    refused(&archive(&[file("layer", "x")]), "neither manifest.json");
    refused(&archive(&[]), "neither manifest.json");
    refused(b"", "stops before its end");
}

#[test]
fn documents_that_readers_differ_about_are_refused() {
    for (name, text, why) in [
        ("manifest.json", r#"[{"RepoTags":["a:1"],"repotags":["b:1"]}]"#, "RepoTags is there twice"),
        ("manifest.json", r#"[{"repoTags":["a:1"]}]"#, "in other letters"),
        ("manifest.json", "[{\"RepoTag\u{17f}\":[\"a:1\"]}]", "in other letters"),
        ("manifest.json", r#"[{"RepoTags":["a:1"]}] [{"RepoTags":["b:1"]}]"#, "something follows"),
        ("manifest.json", "null", "not a list"),
        ("manifest.json", "{", "manifest.json: body"),
        ("manifest.json", r#"[{"RepoTags":"a:1"}]"#, "not a list"),
        ("manifest.json", r#"[{"RepoTags":["a"]}]"#, "not a name"),
        (
            "manifest.json",
            r#"[{"RepoTags":["a:1@sha256:0000000000000000000000000000000000000000000000000000000000000000"]}]"#,
            "not a name",
        ),
        ("manifest.json", r#"[{"RepoTags":["A:1"]}]"#, "not a name"),
        ("manifest.json", r#"[null]"#, "not an object"),
        ("repositories", r#"{"a":{"1":"x"},"a":{"2":"x"}}"#, "twice"),
        ("repositories", r#"{"a:1":{"2":"x"}}"#, "not a name"),
        ("repositories", r#"{"a":{"":"x"}}"#, "not a name"),
        ("index.json", r#"{"manifests":[],"Manifests":[]}"#, "manifests is there twice"),
        ("index.json", r#"{"manifests":[{"annotations":{"io.containerd.image.name":1}}]}"#, "no text"),
        ("index.json", r#"{"manifests":[{"annotations":{"io.containerd.image.name":"a b"}}]}"#, "not a name"),
    ] {
        refused(&archive(&[file(name, text)]), why);
    }
    let many: Vec<_> = (0..=ARCHIVE_NAMES).map(|n| format!("app:{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    refused(&archive(&[manifest(&many)]), "more than");
    refused(&archive(&[file("repositories", vec![b' '; ARCHIVE_DOCUMENT_MAX + 1])]), "larger than");
}

const ARCHIVE_NAMES: usize = crate::limits::ARCHIVE_NAMES_MAX;
const ARCHIVE_CONFIG: usize = ARCHIVE_CONFIG_MAX as usize;

#[test]
fn there_are_not_more_entries_than_can_be_counted() {
    let mut archive = Archive::default();
    let block = header("x", b'0', 0);
    let refused = (0..=ARCHIVE_ENTRIES_MAX).map(|_| archive.read(&block)).find_map(Result::err);
    assert!(refused.is_some_and(|refusal| refusal.message.contains("entries")));
    assert!(archive.footprint() < 200, "one file");
}

#[test]
fn contents_are_stepped_over_and_never_held() {
    let mut archive = Archive::default();
    let size = 3 << 30;
    archive.read(&header("layer.tar", b'0', size)).expect("a header");
    let piece = vec![0xff; 1 << 26];
    for _ in 0..size >> 26 {
        archive.read(&piece).expect("content");
    }
    archive.read(&manifest(&["app:1"])).expect("the manifest");
    assert!(archive.footprint() < 4096);
    // Larger than octal digits can say.
    let large = changed(header("layer.tar", b'0', 0), |block| {
        block[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\x03\0\0\0\0");
    });
    archive.read(&large).expect("twelve gigabytes");
    let mut archive = Archive::default();
    archive.read(&records("20 size=12884901888\n")).expect("a record");
    archive.read(&header("layer.tar", b'0', 0)).expect("twelve gigabytes");
    archive.read(&piece).expect("content, of zeros or not");
}

fn images(entries: &[Vec<u8>]) -> Vec<String> {
    read(&archive(entries)).expect("an image archive").images().map(str::to_owned).collect()
}

fn with_config(config: &str) -> Vec<u8> {
    file("manifest.json", serde_json::json!([{ "Config": config, "RepoTags": null, "Layers": [] }]).to_string())
}

#[test]
fn the_ids_of_images_are_the_digests_of_their_configurations() {
    // Of `sha256sum`.
    let id = |digits: &str| vec![format!("sha256:{digits}")];
    let empty = id("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    let nothing = id("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for config in ["c.json", "blobs/sha256/c", "sha256:c"] {
        assert_eq!(images(&[file(config, "{}"), with_config(config)]), empty, "{config}");
        assert_eq!(images(&[with_config(config), file(config, "{}")]), empty, "{config}");
    }
    assert_eq!(images(&[file("c", ""), with_config("c")]), nothing);
    assert_eq!(images(&[file("c", "{}"), file("c", ""), with_config("c")]), nothing, "the engine keeps the later one");
    assert_eq!(images(&[file("c", ""), file("c", "{}"), with_config("c")]), empty);
    // An engine finds most of these.
    for (file_name, config) in
        [("c", "./c"), ("c", "x/../c"), ("c", "/c"), ("c", "c/"), ("c.tar", "c.tar"), ("c", "d"), ("c", "")]
    {
        refused(&archive(&[file(file_name, "{}"), with_config(config)]), "no file is called so");
    }
    refused(&archive(&[file("index.json", "{}"), with_config("index.json")]), "no file is called so");
    refused(&archive(&[file("manifest.json", r#"[{"RepoTags":["a:1"]}]"#)]), "an image has no Config");
    // Two images of one configuration are one.
    let twice = r#"[{"Config":"c","RepoTags":["a:1"]},{"Config":"d","RepoTags":["a:2"]}]"#;
    assert_eq!(images(&[file("c", "{}"), file("d", "{}"), file("manifest.json", twice)]), empty);
    refused(
        &archive(&[file("c", "{}"), file("manifest.json", r#"[{"Config":"c","config":"d"}]"#)]),
        "in other letters",
    );
}

#[test]
fn a_configuration_has_a_size_that_lists_can_carry() {
    let sized = |size: usize| [file("c.json", vec![b' '; size]), with_config("c.json")];
    assert_eq!(images(&sized(ARCHIVE_CONFIG)).len(), 1);
    refused(&archive(&sized(ARCHIVE_CONFIG + 1)), "is larger than 524288 bytes");
    // A layer may be as large as it likes, whatever it is called.
    let other = archive(&[file("blobs/sha256/l", vec![7; ARCHIVE_CONFIG + 1]), file("c", "{}"), with_config("c")]);
    assert!(read(&other).is_ok());
}

/// Engines follow such parents without end, at a load or at a build.
#[test]
fn no_image_is_made_from_itself() {
    let config = |n: u8| format!(r#"{{"author":"{n}","rootfs":{{"type":"layers","diff_ids":[]}}}}"#);
    let id = |n: u8| format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(config(n))));
    let made = |parents: [&str; 2]| {
        let image = |n: u8, parent: &str| {
            format!(r#"{{"Config":"{n}.json","RepoTags":["x:{n}"],"Layers":[],"Parent":"{parent}"}}"#)
        };
        let manifest = format!("[{},{}]", image(1, parents[0]), image(2, parents[1]));
        vec![file("1.json", config(1)), file("2.json", config(2)), file("manifest.json", manifest)]
    };
    let mut read = Archive::default();
    read.read(&archive(&made(["", &id(1)]))).unwrap();
    assert_eq!(read.names().unwrap().images().count(), 2);
    for parents in [[id(2), id(1)], [id(1), String::new()]] {
        refused(&archive(&made([&parents[0], &parents[1]])), "is made from it");
    }
    for named in [("repositories", r#"{"x":{"1":"a"}}"#), ("index.json", r#"{"manifests":[]}"#)] {
        let oldest = [file("a/json", r#"{"Parent":"a"}"#), file(named.0, named.1)];
        refused(&archive(&oldest), "1.10");
    }
}

/// An index may name any file as a document, which the engine reads whole.
#[test]
fn large_files_are_no_documents() {
    let large = |first: &str| {
        let content = format!("{first}{}", "x".repeat(usize::try_from(ARCHIVE_CONFIG_MAX).unwrap()));
        [file("blobs/sha256/aa", content), file("index.json", r#"{"manifests":[]}"#)]
    };
    for first in ["{", " {", "\n{", "\t", "\r"] {
        refused(&archive(&large(first)), "begins like a document");
    }
    let mut read = Archive::default();
    read.read(&archive(&large("\u{1f}"))).unwrap();
    assert!(read.names().is_ok());
}
