//! Facts of images and of what makes them.

use super::{FactSpec, FactType, fact};

macro_rules! with_image {
    ($source:literal; $($more:expr,)*) => {
        &[
            fact("image", FactType::String, $source, "", "the reference as the engine reads it: registry/repository:tag or @digest; an id when it is one"),
            fact("image_registry", FactType::String, $source, "4.2", "e.g. docker.io; empty when an id is given"),
            fact("image_repository", FactType::String, $source, "4.2", "e.g. library/nginx"),
            fact("image_tag", FactType::String, $source, "5.28", "empty when a digest or id is given"),
            fact("image_digest", FactType::String, $source, "", "sha256:... when the reference has one"),
            fact("image_id", FactType::String, $source, "", "id of the local image that it means now; empty when there is none"),
            fact("image_names", FactType::Set, $source, "", "every reference that the local image has now, as the engine reads them"),
            $($more,)*
        ]
    };
}

/// `image.inspect`, `image.history`, `image.attestations`, `distribution.inspect`.
pub const IMAGE: &[FactSpec] = with_image!("path";);

/// `image.push`.
pub const PUSH: &[FactSpec] = with_image!("path, query:tag";
    fact("all_tags", FactType::Bool, "query:tag", "", "every tag of the repository, since none is named"),
);

/// `image.tag`.
pub const TAG: &[FactSpec] = with_image!("path";
    fact("target", FactType::String, "query:repo, query:tag", "4.2", "reference that the image gets"),
    fact("target_registry", FactType::String, "query:repo", "4.2", "e.g. docker.io"),
    fact("target_repository", FactType::String, "query:repo", "4.2", "e.g. library/nginx"),
    fact("target_tag", FactType::String, "query:tag", "4.2", "latest when none is given"),
);

/// `image.delete`.
pub const DELETE: &[FactSpec] = with_image!("path";
    fact("force", FactType::Bool, "query:force", "", "also while something uses it"),
);

/// `image.pull`, and import, which is the same route.
pub const PULL: &[FactSpec] = with_image!("query:fromImage, query:tag";
    fact("all_tags", FactType::Bool, "query:tag", "", "every tag of the repository, since none is named"),
    fact("from_source", FactType::String, "query:fromSrc", "4.2", "import from this URL, or - from the body; empty when pulling"),
    fact("target", FactType::String, "query:repo, query:tag", "4.2", "reference that imported content gets; empty when none"),
    fact("changes", FactType::Set, "query:changes", "4.1", "Dockerfile instructions applied to an import, without values of ENV"),
    fact("platform", FactType::String, "query:platform", "", "as given"),
);

/// `image.export`.
pub const EXPORT: &[FactSpec] =
    &[fact("images", FactType::Set, "path, query:names", "", "references exported, as the engine reads them")];

/// `image.load`. Decided on once for each name that the archive gives, as `image.tag` is, and once with an empty `target` where
/// an image gets none.
pub const LOAD: &[FactSpec] = &[
    fact("quiet", FactType::Bool, "query:quiet", "", "no progress is shown"),
    fact(
        "tags",
        FactType::Set,
        "tar:manifest.json",
        "4.2",
        "every reference that images get, as the engine reads them",
    ),
    fact("target", FactType::String, "tar:manifest.json", "4.2", "the one of them that is decided on"),
    fact("target_registry", FactType::String, "tar:manifest.json", "4.2", "e.g. docker.io"),
    fact("target_repository", FactType::String, "tar:manifest.json", "4.2", "e.g. library/nginx"),
    fact("target_tag", FactType::String, "tar:manifest.json", "4.2", "e.g. latest"),
    fact(
        "names_unread",
        FactType::Bool,
        "tar:manifest.json",
        "4.2",
        "the names could not be read: past the guard, at the engine's own socket, or in posture observe",
    ),
    fact("content_unread", FactType::Bool, "tar:layer.tar", "4.2", "always true: nothing of the layers was judged"),
];

/// `image.search`.
pub const SEARCH: &[FactSpec] =
    &[fact("term", FactType::String, "query:term", "", "as given; its first part may name a registry")];

/// `image.build`.
pub const BUILD: &[FactSpec] = &[
    fact("tags", FactType::Set, "query:t", "4.2", "references that the image gets, as the engine reads them"),
    fact("network_mode", FactType::String, "query:networkmode", "5.10", "of RUN steps, as given; default when empty"),
    fact("host_network", FactType::Bool, "query:networkmode", "5.10", "RUN steps use the host's network"),
    fact(
        "foreign_networks",
        FactType::Set,
        "query:networkmode",
        "",
        "the network of RUN steps, when somebody else made it",
    ),
    fact(
        "foreign_namespaces",
        FactType::Set,
        "query:networkmode",
        "",
        "the container whose network RUN steps use, when it belongs to somebody else or to nobody known",
    ),
    fact(
        "shared_network",
        FactType::String,
        "query:networkmode",
        "5.10",
        "container whose network RUN steps share; its id where it exists",
    ),
    fact(
        "remote",
        FactType::String,
        "query:remote",
        "4.9",
        "URL or repository that the engine fetches; client-session for BuildKit; empty for a body",
    ),
    fact("dockerfile", FactType::String, "query:dockerfile", "", "path in the context"),
    fact(
        "content_unread",
        FactType::Bool,
        "tar:Dockerfile",
        "4.6 4.7 4.9 4.10",
        "always true: nothing of the context was judged",
    ),
    fact("extra_hosts", FactType::Set, "query:extrahosts", "", "entries added to /etc/hosts"),
    fact("cgroup_parent", FactType::String, "query:cgroupparent", "5.25", "as given"),
    fact("security_opt", FactType::Set, "query:securityopt", "5.22", "as given"),
    fact("memory", FactType::Long, "query:memory", "5.11", "bytes; 0 is unlimited"),
    fact("memory_swap", FactType::Long, "query:memswap", "5.11", "bytes with memory; -1 is unlimited"),
    fact("cpu_shares", FactType::Long, "query:cpushares", "5.12", "relative weight"),
    fact("cpu_quota", FactType::Long, "query:cpuquota", "5.12", "microseconds a period"),
    fact("cpuset_cpus", FactType::String, "query:cpusetcpus", "5.12", "as given"),
    fact("shm_size", FactType::Long, "query:shmsize", "", "bytes"),
    fact("ulimits", FactType::Set, "query:ulimits", "5.19", "name=soft:hard"),
    fact(
        "build_arg_names",
        FactType::Set,
        "query:buildargs",
        "4.10",
        "names of build arguments; values are never facts",
    ),
    fact("cache_from", FactType::Set, "query:cachefrom", "", "images, as the engine reads them"),
    fact("builder_version", FactType::String, "query:version", "", "1 is the classic builder, 2 is BuildKit"),
    fact(
        "session",
        FactType::Bool,
        "query:session",
        "",
        "has a BuildKit session: files, secrets and agents of the client",
    ),
    fact("outputs", FactType::Set, "query:outputs", "", "types of exporters asked for"),
    fact("platform", FactType::String, "query:platform", "", "as given"),
    fact("pull", FactType::Bool, "query:pull", "", "base images are pulled again"),
    fact("squash", FactType::Bool, "query:squash", "", "layers are merged"),
    fact("isolation", FactType::String, "query:isolation", "", "Windows only"),
    fact("labels", FactType::Set, "query:labels", "", "key=value"),
    fact("target", FactType::String, "query:target", "", "stage to build"),
    fact(
        "registry_credentials",
        FactType::Bool,
        "header:X-Registry-Config",
        "",
        "credentials for registries come with it; they are never facts",
    ),
];

/// `build.prune`.
pub const BUILD_PRUNE: &[FactSpec] = &[
    fact("all", FactType::Bool, "query:all", "", "not only what dangles"),
    fact("filters", FactType::String, "query:filters", "", "as given"),
];

/// `build.session` and `build.grpc`: a tunnel to BuildKit whose content is not judged.
pub const SESSION: &[FactSpec] =
    &[fact("content_unread", FactType::Bool, "", "", "always true: nothing that goes through the tunnel was judged")];
