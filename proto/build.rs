//! Generates the gRPC code without a system `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = "wharden/v1/agent.proto";
    println!("cargo:rerun-if-changed={file}");
    let descriptors = protox::compile([file], ["."])?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
