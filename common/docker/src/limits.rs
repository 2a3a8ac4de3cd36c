//! Limits of what is read from a client. Each says why it is what it is.

/// Longest request head, in bytes. `X-Registry-Config` with a dozen cloud registries' tokens needs about 40 KiB.
pub const HEAD_MAX: usize = 64 * 1024;
/// Most headers. The docker CLI sends about ten, a browser's websocket about twenty.
pub const HEADERS_MAX: usize = 64;
/// Most query parameters. `docker save` sends one for each image.
pub const QUERY_PARAMS_MAX: usize = 512;
/// Most that the Engine may have to tell of what a request makes, in bytes: it tells some of it twice, and what an image says
/// comes on top, of which descriptions of up to 4 MiB can be read.
pub const MADE_MAX: usize = 1024 * 1024;
/// The same of a command in a container, which the engine keeps as long as the container runs, begun or not.
pub const EXEC_MAX: usize = 256 * 1024;
/// Most files of one log: to read it, the engine counts through all that there may be.
pub const LOG_FILES_MAX: u32 = 1000;
/// Most bytes of a log's tag, and names in it: the engine puts the names' texts, which may be long, in their places at each start.
pub const LOG_TAG_MAX: usize = 256;
pub const LOG_TAG_NAMES_MAX: usize = 8;
/// Most that the engine may hold of a container's log in memory until its driver takes it, in MiB.
pub const LOG_BUFFER_MIB_MAX: u64 = 16;
/// Longest test of a container's health, in bytes: the engine tells of it each time that it runs one.
pub const HEALTH_MAX: usize = 32 * 1024;
/// Longest that the engine may be told to wait for a container to stop, in seconds.
pub const STOP_TIMEOUT_MAX: i64 = 86_400;
/// Largest JSON body, in bytes. The largest that is usual is a swarm config: 1000 KiB, as base64.
pub const JSON_MAX: usize = 2 * 1024 * 1024;
/// Largest body read where the Engine reads none, in bytes; some clients repeat their query there.
pub const NO_BODY_MAX: usize = 64 * 1024;
/// Deepest nesting of a JSON body, and of the Engine's lists. The deepest that the Engine knows is 9, in a service.
pub const JSON_DEPTH_MAX: usize = 24;
/// Most values in a JSON body: bounds the memory that a body of [`JSON_MAX`] bytes can take to about 4 MiB.
pub const JSON_VALUES_MAX: usize = 16 * 1024;
/// Longest reference (name, id or prefix of one) in a path, in bytes. A repository may have 255, a tag 128, a
/// digest 135.
pub const REFERENCE_MAX: usize = 640;
/// Longest id that a client gives to a session or a build of its own, in bytes; docker makes them of 64 digits and less.
pub const HANDLE_MAX: usize = 256;
/// Longest name of a repository with its registry, in bytes (`distribution/reference`).
pub const REPOSITORY_MAX: usize = 255;
/// Most entries of an image archive. A layer is three in older ones; the largest images have 127 layers.
pub const ARCHIVE_ENTRIES_MAX: usize = 64 * 1024;
/// Largest entry of an image archive, in bytes: larger than any disk that it could be unpacked to.
pub const ARCHIVE_ENTRY_MAX: u64 = 1 << 46;
/// Largest document of an image archive, in bytes. An image is about 1 KiB of `manifest.json`, one with many layers 40 KiB.
pub const ARCHIVE_DOCUMENT_MAX: usize = 1024 * 1024;
/// Largest configuration of an image in an archive, in bytes: the Engine's lists and answers about the image carry its labels.
/// Most have 10 KiB.
pub const ARCHIVE_CONFIG_MAX: u64 = 512 * 1024;
/// Most zeros behind the end of an image archive, in bytes. Programs fill up to 10 KiB, with a block size of their user's.
pub const ARCHIVE_FILLING_MAX: usize = 1024 * 1024;
/// Largest extended header of an image archive, in bytes; they hold attributes of files, of which each has 64 KiB at most.
pub const ARCHIVE_RECORDS_MAX: usize = 128 * 1024;
/// Most names that one image archive gives: each is decided on.
pub const ARCHIVE_NAMES_MAX: usize = 256;
/// Ports of one range that are spelled out in a fact; of a longer range only the ends.
pub const PORT_RANGE_MAX: u32 = 1024;
/// Longest User-Agent that is passed on, in bytes; the Engine repeats it to registries.
pub const USER_AGENT_MAX: usize = 512;
/// Longest Accept that is passed on, in bytes. The Engine knows a handful of media types.
pub const ACCEPT_MAX: usize = 512;
/// Longest message of an engine's answer that may name an image, in bytes. Those that do are shorter than a name and an id.
pub const ANSWER_LINE_MAX: usize = 4 * 1024;
/// Largest thing in a list that is held until it is decided on, in bytes: as large as its description may be, which says more.
/// A larger one is left out, so that it does not keep everybody from the rest of the list.
pub const THING_MAX: usize = 4 * 1024 * 1024;
/// Most values of a thing in a list, for the same reason: each takes some [`VALUE_BYTES`] once it is read, however short. A
/// container may have as many labels as a request can give it, and those of its image.
pub const THING_VALUES_MAX: usize = 2 * JSON_VALUES_MAX;
/// Bytes that a value takes once it is read, beside its text: a label is two texts in a map.
pub const VALUE_BYTES: usize = 128;
/// Bytes of a list that are passed on at one time, and one thing: some dozens of things, so that a small list is one piece.
pub const SIFTED_AT_ONCE: usize = 64 * 1024;
/// Longest name of a field beside or around lists, in bytes, as it is written. The longest that the Engine writes has 15.
pub const LIST_FIELD_MAX: usize = 64;
