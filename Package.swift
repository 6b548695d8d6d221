// swift-tools-version: 6.0
// The targets stand in the order in which data flows; each imports only targets above it.
import PackageDescription

/// The instruction set that every target is built for: `native` is the build machine's own.
/// A cluster of unlike machines sets DNET_MARCH to what all of them have, such as x86-64-v3.
let instructionSet = Context.environment["DNET_MARCH"] ?? "native"

/// Without target features Swift turns each lane of a fused multiply-add into a library call.
let arithmetic: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-march=\(instructionSet)"])]

/// Kernels state their contracts and are checked against naive twins; inside them no overflow or bounds check is left.
let kernelArithmetic: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-march=\(instructionSet)", "-Ounchecked"])]

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: name == "Kernels" ? kernelArithmetic : arithmetic)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = [], excluding: [String] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies, exclude: excluding,
    swiftSettings: arithmetic)
}

let package = Package(
  name: "dnet",
  products: [
    .executable(name: "dnet-train", targets: ["dnet-train"]),
    .executable(name: "dnet", targets: ["dnet"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(
      name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg62-turbo-dev"])]),
    .systemLibrary(
      name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CMatio", pkgConfig: "matio", providers: [.apt(["libmatio-dev"])]),

    // What the compiler was told of the processor: data alone. What the processor is, and the check at start that the two
    // agree, is built for the plainest processor, or the check itself could not run.
    .target(name: "CInstructionSet", cSettings: [.unsafeFlags(["-march=\(instructionSet)"])]),
    .target(name: "CProcessor", dependencies: ["CInstructionSet"]),
    // The C library's allocator and its settings.
    .systemLibrary(name: "CAllocator"),

    module("Kernels", ["COpenBLAS", "CProcessor"]),
    module("Digests", ["CCrypto"]),
    module("Randomness"),
    module("Tensors", ["Kernels"]),
    module("Workers", ["Tensors"]),
    module("Gradients", ["Kernels", "Tensors", "Workers"]),
    module("Images", ["CPNG", "CJPEG"]),
    module("Datasets", ["Digests", "Randomness", "Images", "Workers"]),
    // Apart from Datasets, so that ranks on other machines need no MATLAB reader.
    module("Preparation", ["CMatio", "CCrypto", "Images", "Datasets", "Workers"]),
    module("Proposals", ["CZlib", "Digests", "Randomness", "Workers", "Images", "Datasets"]),
    module("Batches", ["Randomness", "Kernels", "Workers", "Tensors", "Images", "Datasets", "Proposals"]),
    module("Networks", ["Randomness", "Kernels", "Workers", "Tensors", "Gradients"]),
    module("Cluster", ["COpenMPI", "Kernels", "Workers", "Tensors", "Gradients"]),
    module("Optimizers", ["Kernels", "Workers", "Tensors", "Cluster"]),
    module("Checkpoints", ["CZstd", "Digests", "Tensors"]),
    module(
      "Evaluation", ["Kernels", "Workers", "Tensors", "Images", "Datasets", "Networks", "Cluster", "Checkpoints"]),
    module(
      "Training",
      [
        "CAllocator", "CProcessor", "Digests", "Randomness", "Kernels", "Workers", "Tensors", "Gradients", "Images",
        "Datasets", "Proposals",
        "Batches", "Networks", "Cluster", "Optimizers", "Checkpoints", "Evaluation", log, yams,
      ]),
    module(
      "Benchmarks",
      [
        "CProcessor", "COpenBLAS", "CPNG", "CJPEG", "CZstd", "CCrypto", "Randomness", "Kernels", "Workers", "Tensors",
        "Gradients", "Networks",
      ]),
    .executableTarget(name: "dnet-train", dependencies: ["Training", arguments], swiftSettings: arithmetic),
    .executableTarget(
      name: "dnet",
      dependencies: [
        "Training", "Benchmarks", "Evaluation", "Checkpoints", "Cluster", "Datasets", "Images", "Kernels", "Networks",
        "Preparation", "Proposals", "Randomness", "Workers", arguments,
      ],
      swiftSettings: arithmetic),

    tests(of: "Digests"),
    tests(of: "Randomness"),
    tests(of: "Kernels"),
    tests(of: "Workers"),
    tests(of: "Tensors"),
    tests(of: "Images", excluding: ["Golden"]),
    tests(of: "Datasets", ["Digests"]),
    tests(of: "Preparation", ["Datasets", "Images", "Workers"], excluding: ["Fixtures"]),
    tests(of: "Proposals", ["Digests", "Datasets", "Images", "Randomness", "Workers"], excluding: ["Golden"]),
    tests(of: "Batches", ["Datasets", "Images", "Workers", "Proposals", "Randomness"], excluding: ["Golden"]),
    tests(of: "Networks", ["Kernels", "Workers", "Tensors", "Gradients"], excluding: ["Golden"]),
    // Runs under mpirun, started by ClusterTests: what several ranks must agree on.
    .executableTarget(
      name: "cluster-check", dependencies: ["Cluster", "Gradients", "Kernels", "Optimizers", "Tensors", "Workers"],
      path: "Tests/cluster-check", swiftSettings: arithmetic),
    tests(of: "Cluster", ["Gradients", "Kernels", "Networks", "Tensors", "Workers", "cluster-check"]),
    // Damaged files for every decoder, started by Launch/fuzz and by FuzzTests.
    .executableTarget(
      name: "dnet-fuzz",
      dependencies: [
        "CJPEG", "CZlib", "Digests", "Randomness", "Images", "Datasets", "Preparation", "Proposals", "Workers",
      ],
      path: "Tests/dnet-fuzz", swiftSettings: arithmetic),
    .testTarget(name: "FuzzTests", dependencies: ["dnet-fuzz"], swiftSettings: arithmetic),
    tests(of: "Optimizers", ["Tensors", "Workers"]),
    tests(of: "Checkpoints", ["Digests", "Tensors"], excluding: ["Fixtures"]),
    tests(of: "Evaluation", ["Checkpoints", "Images", "Networks", "Tensors", "Workers"]),
    tests(of: "Benchmarks", ["CProcessor", "Kernels", "Networks", "Randomness", "Tensors", "Workers"]),
    tests(
      of: "Training",
      [
        "CProcessor", "Digests", "Networks", "Tensors", "Datasets", "Checkpoints", "Images", "Evaluation", "Workers",
        "dnet",
        "dnet-train",
      ]),
  ],
  swiftLanguageModes: [.v6]
)
