//! Limits of the agent: sizes, counts, rates and time-outs, each with its reason. [`Limits`] holds those that an admin
//! may change in the config file.

use std::time::Duration;
use wharden_docker::THING_MAX;
use wharden_proto::{HEARTBEAT, SILENCE};

/// Threads that serve, however many processors there are: the agent may have a fifth of one.
pub const THREADS_MAX: usize = 4;
/// Tasks that a thread of them serves before it looks for one that another thread has made ready.
pub const GLOBAL_QUEUE_INTERVAL: u32 = 4;
/// Largest request or response head read, in bytes. Registry credentials ride in headers and may take several
/// kilobytes; the engine itself accepts 1 MiB.
pub const HEAD_MAX: usize = 64 * 1024;
/// Execs of which it is known who made them: they are begun within moments of that.
pub const EXECS_KEPT: usize = 4096;
/// Execs that somebody may have made within a time and not begun: the engine keeps them as long as their containers run.
pub const EXECS_UNBEGUN: usize = 64;
/// That time: whoever was cut off in between some time ago is not to be kept from commands for it.
pub const EXECS_UNBEGUN_WITHIN: Duration = Duration::from_secs(3600);
/// Bytes of the answer to the creation of an exec, which is an id.
pub const EXEC_ANSWER_MAX: usize = 4096;
/// First size of a connection's read buffer, in bytes: most requests fit, and 5,000 idle streams stay small.
pub const BUFFER_MIN: usize = 4 * 1024;
/// Size that the read buffer of a fast stream grows to, in bytes: the size of a unix socket's own buffer.
pub const BUFFER_MAX: usize = 256 * 1024;
/// Bytes by which all read buffers together may be larger than [`BUFFER_MIN`]. While half of it is left, each may grow to its
/// full size; then to [`BUFFER_CROWDED`], as long as there is any.
pub const BUFFERS_GROWN_MAX: usize = 16 * 1024 * 1024;
/// See [`BUFFERS_GROWN_MAX`].
pub const BUFFER_CROWDED: usize = 16 * 1024;
/// How long a fast stream may be silent until its buffer is given back.
pub const BUFFER_IDLE: Duration = Duration::from_secs(1);
/// Part of the limit of its memory that the agent may have, in per cent, files not counted. Beyond it, who has [`VALVE_FLOOR`]
/// connections gets no more…
pub const VALVE_SHUT: u64 = 84;
/// …and beyond this, those who have as many are served nothing more for the moment, and those who have most lose the newest, down to
/// [`VALVE_FLOOR`]…
pub const VALVE_CUT: u64 = 88;
/// …so many that the rest would have this part, if each had the same.
pub const VALVE_AIM: u64 = 74;
/// How long a request waits before it is looked again whether it may be served.
pub const VALVE_PAUSE: Duration = Duration::from_millis(200);
/// See [`VALVE_SHUT`].
pub const VALVE_FLOOR: usize = 32;
/// Connections altogether, from which on memory is watched…
pub const VALVE_CONNECTIONS: usize = 256;
/// …so often: what a fifth of a processor takes up meanwhile is less than what is left.
pub const VALVE_CHECK: Duration = Duration::from_millis(25);
/// Connections of [`Limits::connections`] that are kept for users who have fewer than [`CONNECTIONS_FEW`].
pub const CONNECTIONS_RESERVED: usize = 512;
/// See [`CONNECTIONS_RESERVED`].
pub const CONNECTIONS_FEW: usize = 16;
/// Streams of the engine's events at one time, of all and of one user: each begins with all that happened since a moment of the
/// client's choice, and each event is decided on.
pub const EVENT_STREAMS: [usize; 2] = [1024, 256];
/// Connections accepted in one go, before other tasks of the thread have their turn.
pub const ACCEPTED_AT_ONCE: usize = 64;
/// So many connections that are closed before they are accepted are said in the log…
pub const HAMMERING_CONNECTIONS: usize = 10_000;
/// …when they come within this time, and once in it.
pub const HAMMERING_TIME: Duration = Duration::from_secs(30);
/// Connections, of one user and of all, whose sockets hold as much as the system gives them of what was not read yet: about
/// 200 KiB each…
pub const SOCKETS_ROOMY: [usize; 2] = [32, 64];
/// …then those that hold [`SOCKET_NARROW`], twice that as the kernel counts. All others hold as little as there can be.
pub const SOCKETS_NARROW: [usize; 2] = [512, 768];
/// See [`SOCKETS_NARROW`], in bytes.
pub const SOCKET_NARROW: usize = 16 * 1024;
/// Longest line of chunked framing, extensions included, in bytes (the engine's own limit).
pub const CHUNK_LINE_MAX: usize = 4 * 1024;
/// Bytes of trailers after a chunked body.
pub const TRAILERS_MAX: usize = 16 * 1024;
/// Interim responses (1xx) taken for one request; an engine that sends more is broken.
pub const INTERIM_MAX: usize = 16;
/// Unpacked bytes of an image archive that are made at one time: a fraction of a millisecond's work.
pub const UNPACKED_AT_ONCE: usize = 128 * 1024;
/// An image archive that is packed may have so many unpacked bytes for each packed one…
pub const UNPACKED_RATIO_MAX: u64 = 200;
/// …beyond these. Layers full of zeros shrink to a thousandth.
pub const UNPACKED_FREE: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes that a connection may hold of a head or a body without asking for room in [`Limits::buffered_bytes`]: its read
/// buffer, which it has anyway.
pub const HELD_FREE: usize = BUFFER_MIN;
/// How long a head or a body waits for room to go on arriving. A burst of large bodies passes in that time; who holds
/// what others wait for gives it up.
pub const ROOM_WAIT: Duration = Duration::from_secs(5);
/// How long a refused client may go on sending a body that nobody will read, so that it gets to see the refusal.
pub const LINGER: Duration = Duration::from_secs(5);
/// Bytes of such a body that are read and thrown away.
pub const LINGER_BYTES: usize = 64 * 1024 * 1024;
/// How often a half-closed client is asked whether it has gone altogether.
pub const HANGUP_CHECK: Duration = Duration::from_secs(1);
/// From when on a client whose request waits may have gone, and is looked after.
pub const HANGUP_LOOK: Duration = Duration::from_millis(1);
/// When a silent client on TCP is first asked whether it is there, how often from then on, and how many questions may stay
/// unanswered: one that closed its end without a reset is found out within a minute and a half.
pub const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(15), Duration::from_secs(15), 4);
/// Time-out of writing an answer of the guard's own.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time-out of one inspect call to the engine. Inspecting is quick unless the engine is stuck; an answer to the user is
/// then better than none.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an engine is asked again whose socket has as many connections waiting as it takes.
pub const CONNECT_BUSY: Duration = Duration::from_secs(5);
/// Pause between two of these attempts.
pub const CONNECT_BUSY_PAUSE: Duration = Duration::from_millis(5);
/// Largest answer to an inspect call, in bytes: what can be listed can be looked at. A container with thousands of labels
/// stays below.
pub const LOOKUP_MAX: usize = THING_MAX;
/// Memory that the descriptions may take that one decision needs, in bytes, see [`wharden_docker::weight`]: one of the largest,
/// with as many values as a thing in a list may have.
pub const LOOKED_UP_MAX: usize = 2 * LOOKUP_MAX;
/// Of that, what a decision may take without waiting for its turn: some ten usual descriptions.
pub const LOOKED_UP_FREE: usize = 256 * 1024;
/// Decisions at one time that may take more: each also takes a processor for some milliseconds, of which others want one too.
pub const LARGE_DECISIONS: usize = 1;
/// Largest description that is held until its reader has taken it, in bytes; a larger one is asked for again.
pub const ANSWER_HELD_MAX: usize = 64 * 1024;
/// The last bytes of a body of which an image is made, which the engine gets once it is known what is there: a tar archive
/// ends with 1 KiB of zeros, filled up to 10 KiB, and may be taken for whole then.
pub const HELD_BACK: usize = 16 * 1024;
/// Memory for documents and names of image archives that are being loaded, in bytes: a room of their own, since a load may
/// take hours…
pub const LOADS_BUFFERED: usize = 16 * 1024 * 1024;
/// …and what one user may fill of it.
pub const LOADS_BUFFERED_PER_USER: usize = LOADS_BUFFERED / 4;
/// Bytes of an image archive with which it comes on: who brings a few now and then holds a place as who brings none.
pub const LOAD_COMES_ON: usize = 64 * 1024;
/// Images of one host whose ids are looked at. With more, what is made is nobody's.
pub const IMAGES_MAX: usize = 65_536;
/// Decisions about things in lists that are remembered while a bundle is in force: with [`READING_MAX`], at most about
/// 4 MiB. A host with more things in its lists decides about them each time.
pub const READINGS_MAX: usize = 1024;
/// Bytes of text of a thing that such a decision is remembered for; labels may have any size.
pub const READING_MAX: usize = 2 * 1024;
/// Requests of one user that are on their way from head to decision at one time. More wait, so that one user who sends many at
/// once does not slow the others down with all of them.
pub const DECIDED_AT_ONCE_PER_USER: usize = 8;
/// How long a request waits for the name of an image, which a push keeps until it is over.
pub const NAME_WAIT: Duration = Duration::from_secs(10);
/// Requests at one time by which the engine finds an image by the same name.
pub const IMAGE_READERS: usize = 1024;
/// Lists of one user that the engine makes or that are being read at one time; more wait. It makes each whole before it answers,
/// whether anybody still waits for it or not, and one may be hundreds of megabytes. Large descriptions count too.
pub const LISTS_AT_ONCE_PER_USER: usize = 4;
/// The same of all users.
pub const LISTS_AT_ONCE: usize = 6;
/// Lists and descriptions at one time for which the engine goes through files, of one user and of all: it may take minutes for each.
pub const WALKS_AT_ONCE: [usize; 2] = [1, 2];
/// How long a part of a list may wait for its reader when somebody waits for a turn: the engine holds the rest.
pub const LIST_STALL: Duration = Duration::from_secs(5);
/// How long events may wait for their reader. Once the engine has more of them than it keeps, it has whoever makes another one wait for each
/// reader.
pub const EVENT_STALL: Duration = Duration::from_secs(10);
/// Longest event of the engine, in bytes; a container's labels ride in it.
pub const EVENT_LINE_MAX: usize = 512 * 1024;
/// Memory that an event may take once it is read, in bytes, see [`wharden_docker::weight`].
pub const EVENT_WEIGHT_MAX: usize = 1024 * 1024;
/// Volumes and networks whose labels are remembered until the look after they are gone…
pub const LAST_LABELS_MAX: usize = 2048;
/// …and the text of the labels of one, in bytes.
pub const LAST_LABELS_BYTES_MAX: usize = 1024;
/// Labels of a container that calls the engine: their number…
pub const WORKLOAD_LABELS_MAX: usize = 256;
/// …and their text, in bytes. They are part of who asks, for as long as the connection lasts.
pub const WORKLOAD_LABELS_BYTES_MAX: usize = 16 * 1024;
/// Most lookups for one request.
pub const LOOKUPS_MAX: usize = 256;
/// Images of which it is remembered who made them. What is made beyond is nobody's; those that are gone make room.
pub const IMAGE_OWNERS_MAX: usize = 4096;
/// Longest name of an account that images are remembered for, in bytes: all of them fit into [`STATE_FILE_MAX`].
pub const IMAGE_OWNER_BYTES_MAX: usize = 128;
/// Containers that the inventory asks the engine about at one time. The engine answers about one whose lock somebody has when that is
/// given back.
pub const CONTAINERS_AT_A_TIME: usize = 4;
/// Idle connections to the engine kept for lookups.
pub const LOOKUP_POOL: usize = 8;
/// Time-out of resolving one host path: automounts and network file systems can hang.
pub const HOST_PATH_TIMEOUT: Duration = Duration::from_secs(5);
/// Symbolic links followed in one host path (the kernel's own limit is 40).
pub const SYMLINKS_MAX: usize = 40;
/// How long the name of a uid is believed.
pub const USER_NAME_TTL: Duration = Duration::from_secs(30);
/// Names of uids remembered.
pub const USER_NAMES_MAX: usize = 4096;
/// Bytes read of one file in `/proc`.
pub const PROC_FILE_MAX: u64 = 64 * 1024;

/// Largest question of the engine's to the authorization plugin, in bytes: a body just under 1 MiB in base64, with the
/// headers and certificates of the request.
pub const AUTHZ_QUESTION_MAX: usize = 4 * 1024 * 1024;
/// Bytes of questions held at one time. A room of their own: requests that hold memory of the guard's wait for them.
pub const AUTHZ_BUFFERED: usize = 8 * 1024 * 1024;
/// Questions up to this size, in bytes, are read without asking for room in [`AUTHZ_BUFFERED`]: the agent's own
/// lookups are among them, and must not wait for the requests that wait for them.
pub const AUTHZ_SMALL: usize = 32 * 1024;
/// Connections from the engine to the plugin; more wait in the socket. The engine uses one for each request that it asks
/// about at that moment.
pub const AUTHZ_CONNECTIONS: usize = 1024;
/// Requests that the plugin judges at one time. Each may ask the engine [`LOOKUP_POOL`] things at once, and each of those
/// comes back as a question: together with those that wait they stay below [`AUTHZ_CONNECTIONS`].
pub const AUTHZ_CASES: usize = 64;
/// Requests that the plugin judges or that wait for it; more are refused at once. Each holds a connection, and those that
/// are left are for what the judged ones look up and for the guard's requests, which do not wait.
pub const AUTHZ_WAITING: usize = 256;
/// Questions longer than [`AUTHZ_SMALL`] at one time, for the same reason; more are refused at once. Whether one is the guard's is
/// known only when it has been read.
pub const AUTHZ_LARGE: usize = 128;
/// Of [`AUTHZ_CASES`], the requests with a body: read, it takes many times its length in memory.
pub const AUTHZ_BODIES: usize = 8;
/// Time-out of a question's head and body: the engine is on the same machine.
pub const AUTHZ_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the engine's usual path is looked at while it is protected, beside whenever something happens there.
pub const PROTECT_CHECK: Duration = Duration::from_secs(1);
/// How long the engine's usual path is left empty while no engine answers: one that starts needs microseconds from removing
/// what is there to binding its own.
pub const PROTECT_GRACE: Duration = Duration::from_secs(1);
/// How long a command waits for the running agent to move the sockets.
pub const PROTECT_WAIT: Duration = Duration::from_secs(15);

/// How often it is looked whether a break-glass has begun or is over. Whether it lets somebody pass is looked at for each
/// request.
pub const BREAK_GLASS_CHECK: Duration = Duration::from_secs(1);
/// Notices sent at one time; those that are not acknowledged are sent again at the next look for them.
pub const NOTICES_BATCH: usize = 8;

/// Decision events that wait for the spool's writer. Beyond it they are counted as lost: the guard never waits.
pub const EVENT_QUEUE: usize = 8192;
/// Of [`EVENT_QUEUE`], what one principal may fill: what others do at the same time is told too.
pub const EVENT_QUEUE_SHARE: usize = EVENT_QUEUE / 2;
/// One principal may fill this part of the spool (1 / n).
pub const SPOOL_SHARES: u64 = 2;
/// Size at which a segment of the spool is closed, in bytes; a segment is deleted once all of it is acknowledged.
pub const SEGMENT_BYTES: u64 = 256 * 1024;
/// Longest event on disk, in bytes. Longer ones lose what is largest of their facts and labels.
pub const EVENT_MAX: usize = 16 * 1024;
/// Entries of a map or list kept in an event.
pub const EVENT_ENTRIES_MAX: usize = 32;
/// Most bytes of events in one message to the controller.
pub const EVENT_BATCH_BYTES: usize = 1024 * 1024;
/// How long the spool's writer lets events gather once it has written some. Each that wakes it costs the guard as much as
/// several decisions; a crash of the agent loses what came in that time.
pub const SPOOL_GATHER: Duration = Duration::from_millis(5);
/// Longest time that an event stays in the page cache only.
pub const SPOOL_SYNC: Duration = Duration::from_secs(1);

/// Time-out of connecting to a controller, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time-out of one enrolment or renewal call.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// First and longest pause between attempts to reach a controller. The pauses are drawn at random up to a doubling
/// bound, so that a fleet does not come back in step.
pub const RECONNECT_MIN: Duration = Duration::from_millis(200);
/// See [`RECONNECT_MIN`].
pub const RECONNECT_MAX: Duration = Duration::from_secs(15);
/// Controllers that are remembered: twice what a cluster has.
pub const CONTROLLERS_MAX: usize = 18;
/// Shortest and longest time between two looks for the controller that this host belongs to, while it is with another.
pub const HOME_LOOK_MIN: Duration = Duration::from_secs(30);
/// See [`HOME_LOOK_MIN`].
pub const HOME_LOOK_MAX: Duration = Duration::from_secs(90);
/// Longest pause once the controllers have said that they do not want this host (revoked, unknown).
pub const REJECTED_MAX: Duration = Duration::from_secs(300);
/// Longest pause that a controller's word is believed for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);
/// Times that an enrolment waits for its turn before it says that there is none.
pub const ENROLL_TURNS: usize = 10;
/// A session that held this long resets the backoff.
pub const SESSION_SETTLED: Duration = Duration::from_secs(30);
/// A controller that was silent this long is pinged: one that answers heartbeats never is.
pub const KEEPALIVE_INTERVAL: Duration = HEARTBEAT.saturating_add(Duration::from_secs(3));
/// How long a ping may stay unanswered: a dead controller is known when a dead host would be.
pub const KEEPALIVE_TIMEOUT: Duration = SILENCE.saturating_sub(KEEPALIVE_INTERVAL);
/// Between two looks for notices, and for what was to be told and was not. They cost the controller nothing.
pub const UNTOLD_INTERVAL: Duration = Duration::from_secs(10);
/// Bounds within which the controller's wish for heartbeats is believed, in seconds.
pub const HEARTBEAT_BOUNDS: (u32, u32) = (1, 600);
/// Messages to the controller that may wait for the stream.
pub const SESSION_QUEUE: usize = 32;
/// How long to wait for the acknowledgement of events before the session counts as broken.
pub const EVENTS_ACK_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the host report is made anew; it is sent when it differs.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// First and longest pause between attempts to renew the certificate.
pub const RENEW_RETRY_MIN: Duration = Duration::from_secs(5);
/// See [`RENEW_RETRY_MIN`].
pub const RENEW_RETRY_MAX: Duration = Duration::from_secs(300);
/// Longest wait for the bundle that names somebody whose certificate was made a moment ago.
pub const NEWCOMER_WAIT: Duration = Duration::from_secs(5);
/// What a moment ago is, beside the time by which certificates begin early.
pub const NEWCOMER_AGE: Duration = Duration::from_secs(60);
/// Longest sleep before the clock is looked at again: clocks jump.
pub const CLOCK_CHECK: Duration = Duration::from_secs(30);
/// Share of its life after which a certificate is renewed, in per cent, drawn at random between the two.
pub const RENEW_AT: (u64, u64) = (50, 70);
/// How long open connections may go on after the order to stop.
pub const DRAIN: Duration = Duration::from_secs(5);
/// Bytes read of any file in the data directory; a bundle is bounded by the largest message.
pub const STATE_FILE_MAX: u64 = 1024 * 1024;

/// Bytes of JSON of one message about the inventory, by about which it is cut: well below what controllers take.
pub const INVENTORY_BYTES: usize = 256 * 1024;
/// Things that are gone, of which that is remembered. After more of them, a controller that has not heard is told everything.
pub const INVENTORY_GONE_MAX: usize = 1024;
/// Containers that wait to be looked at again; more of them make one look at everything.
pub const INVENTORY_DIRTY_MAX: usize = 256;
/// How long the engine has to be quiet before what it named is looked at: starting a container is several events.
pub const INVENTORY_QUIET: Duration = Duration::from_millis(300);
/// And the longest that a look waits for that.
pub const INVENTORY_LATEST: Duration = Duration::from_secs(2);
/// How long looks wait while the host or the agent is under pressure: many events then become one look.
pub const INVENTORY_STRAINED_WAIT: Duration = Duration::from_secs(10);
/// How long the acknowledgement of a part of the inventory may take. A controller that does not know of inventories never
/// answers: it is told nothing more in that session.
pub const INVENTORY_ACK_TIMEOUT: Duration = Duration::from_secs(60);
/// How often everything is looked at, whatever the events say.
pub const FULL_LOOK: Duration = Duration::from_secs(600);
/// Between two looks for a container whose layer is to be counted.
pub const LAYER_PAUSE: Duration = Duration::from_secs(1);
/// A layer is counted again after so long at the earliest: the engine counts by walking through its files.
pub const LAYER_EVERY: Duration = Duration::from_secs(600);
/// And after so long when it could not be counted, which is so of layers with very many files.
pub const LAYER_FAILED: Duration = Duration::from_secs(3600);
/// Rest after counting one, in times that it took: the engine's disk is walked for a twentieth of the time at most.
pub const LAYER_REST: u32 = 19;
/// A layer that differs by less than this part from what was told is not told again: a tenth.
pub const LAYER_NEWS: u64 = 10;
/// Pause before an engine that went away is looked for again.
pub const ENGINE_RETRY: Duration = Duration::from_secs(2);
/// Time between the first look at what is used, and the second, which gives the first sample.
pub const SAMPLE_FIRST: Duration = Duration::from_secs(2);
/// How often usage is measured, and how rarely at most under pressure: each time that there is some the pause doubles.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(15);
/// See [`SAMPLE_EVERY`].
pub const SAMPLE_RAREST: Duration = Duration::from_secs(240);
/// A usage that stays about the same is told again after so many samples.
pub const SAMPLES_SILENT: u32 = 4;
/// Waiting of tasks for processors and for disks that counts as pressure, in hundredths of a per cent of ten seconds (PSI).
pub const STRAIN_STALL: u16 = 5_000;
/// The same for memory, where little is much.
pub const STRAIN_MEMORY_STALL: u16 = 1_000;
/// Tasks for each processor that count as pressure where the kernel has no PSI, in thousandths.
pub const STRAIN_LOAD: u64 = 1_500;
/// Part of its own limits that the agent may use before it holds back, in per cent.
pub const STRAIN_OWN: u64 = 80;
/// Bytes read of one file of the kernel.
pub const KERNEL_FILE_MAX: u64 = 256 * 1024;

/// Limits that the config file may change, in its section `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open connections to the guard. Each costs two file descriptors, three on TCP, and 4 KiB or more while it streams, see
    /// [`BUFFERS_GROWN_MAX`].
    pub connections: usize,
    /// Open connections of one user, on the unix socket and on TCP apart, so that one cannot lock out the others.
    pub connections_per_user: usize,
    /// Seconds that a request head may take from its first byte.
    pub head_timeout_s: u64,
    /// Seconds that a connection may be idle between requests.
    pub idle_timeout_s: u64,
    /// Seconds that a body which has to be read before the decision may take.
    pub body_timeout_s: u64,
    /// Bytes held at one time of such bodies, of heads larger than usual, and of lists, descriptions and events that are being
    /// read, all connections together.
    pub buffered_bytes: usize,
    /// Bytes of them that one OS user may fill, so that one cannot keep the others waiting.
    pub buffered_bytes_per_user: usize,
    /// Image archives that are on their way to the engine at one time: it unpacks each with a process of its own, and waits as
    /// long as the client does.
    pub loads: usize,
    /// Of them, those of one user, on the unix socket and on TCP apart. Beyond one, at most half of what others leave.
    pub loads_per_user: usize,
    /// Seconds that one of them may bring next to nothing and keep its place, when others are turned away.
    pub load_silence_s: u64,
    /// Other archives that the engine packs or unpacks at one time, with a process of its own each: exports of images and
    /// containers, copies from and into containers, imports, and contexts of builds that come with the request.
    pub archives: usize,
    /// Of them, those of one user, on the unix socket and on TCP apart. Beyond one, at most half of what others leave.
    pub archives_per_user: usize,
    /// Bytes of decision events kept on disk while no controller takes them.
    pub spool_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 6144,
            connections_per_user: 5120,
            head_timeout_s: 10,
            idle_timeout_s: 600,
            body_timeout_s: 30,
            buffered_bytes: 32 * 1024 * 1024,
            buffered_bytes_per_user: 16 * 1024 * 1024,
            loads: 32,
            loads_per_user: 8,
            load_silence_s: 60,
            archives: 128,
            archives_per_user: 64,
            spool_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// Least that [`Limits::buffered_bytes`] and [`Limits::buffered_bytes_per_user`] may be: the largest body that any
    /// route reads whole has to fit, with the buffers that it is read through, and so has the largest thing in a list.
    pub const MIN_BUFFERED: usize = THING_MAX + 1024 * 1024;

    /// See [`Limits::head_timeout_s`].
    pub const fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.head_timeout_s)
    }

    /// See [`Limits::idle_timeout_s`].
    pub const fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_s)
    }

    /// See [`Limits::load_silence_s`].
    pub const fn load_silence(&self) -> Duration {
        Duration::from_secs(self.load_silence_s)
    }

    /// See [`Limits::body_timeout_s`].
    pub const fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_s)
    }
}
