//! Generates the gRPC code without a system `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["wharden/v1/agent.proto", "wharden/v1/peer.proto"];
    for file in files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(files, ["."])?;
    // These hold secrets: they say of themselves what may be shown.
    let secret = ["wharden.v1.JoinRequest", "wharden.v1.JoinResponse"];
    tonic_prost_build::configure().bytes(".").skip_debug(secret).compile_fds(descriptors)?;
    Ok(())
}
