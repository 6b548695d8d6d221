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

    // The instruction set that the compiler targets, as data. The detection of the processor and the check at start
    // that the two agree are built for the baseline processor, so that the check can run on any.
    .target(name: "CInstructionSet", cSettings: [.unsafeFlags(["-march=\(instructionSet)"])]),
    .target(name: "CProcessor", dependencies: ["CInstructionSet"]),
    // The C library's allocator and its settings.
    .systemLibrary(name: "CAllocator"),

    module("Support", ["CCrypto"]),
    module("Randomness"),
    module("Kernels", ["COpenBLAS", "CProcessor"]),
    module("Compute", ["Support", "Randomness", "Kernels"]),
    module("Images", ["CPNG", "CJPEG", "Support"]),
    module("Datasets", ["Support", "Randomness", "Images", "Compute"]),
    // Apart from Datasets, so that ranks on other machines need no MATLAB reader.
    module("Preparation", ["CMatio", "Support", "Images", "Datasets", "Compute"]),
    module("Proposals", ["CZlib", "Support", "Randomness", "Compute", "Images", "Datasets"]),
    module("Batches", ["Support", "Randomness", "Kernels", "Compute", "Images", "Datasets", "Proposals"]),
    module("Layers", ["Randomness", "Kernels", "Compute"]),
    module("Models", ["Support", "Kernels", "Compute", "Batches", "Layers"]),
    module("Cluster", ["COpenMPI", "Support", "Kernels", "Compute"]),
    module("Optimizers", ["Kernels", "Compute", "Cluster"]),
    module("Checkpoints", ["CZstd", "Support", "Compute"]),
    module(
      "Evaluation",
      ["Support", "Kernels", "Compute", "Images", "Datasets", "Layers", "Models", "Cluster", "Checkpoints"]),
    module(
      "Training",
      [
        "CAllocator", "CProcessor", "Support", "Randomness", "Kernels", "Compute", "Images", "Datasets", "Proposals",
        "Batches", "Layers", "Models", "Cluster", "Optimizers", "Checkpoints", "Evaluation", yams,
      ]),
    module(
      "Benchmarks",
      [
        "CProcessor", "COpenBLAS", "CPNG", "CJPEG", "CZstd", "CCrypto", "Support", "Randomness", "Kernels", "Compute",
        "Batches", "Layers", "Models",
      ]),
    // The scaling benchmark and the model of other clusters. Training knows nothing of it.
    module("Scaling", ["Support", "Randomness", "Compute", "Batches", "Layers", "Models", "Cluster", "Training"]),
    // The command line of dnet-train as a library, for programs that train further models.
    module("TrainCommand", ["Cluster", "Support", "Training", arguments]),
    .executableTarget(name: "dnet-train", dependencies: ["TrainCommand"], swiftSettings: arithmetic),
    module(
      "DnetCommand",
      [
        "Training", "Scaling", "Benchmarks", "Evaluation", "Checkpoints", "Cluster", "Batches", "Datasets", "Images",
        "Kernels", "Layers", "Models", "Preparation", "Proposals", "Randomness", "Support", "Compute", arguments,
      ]),
    .executableTarget(name: "dnet", dependencies: ["DnetCommand"], swiftSettings: arithmetic),

    tests(of: "Support"),
    tests(of: "Randomness"),
    tests(of: "Kernels"),
    tests(of: "Compute", ["Kernels"]),
    tests(of: "Images", ["Support"], excluding: ["Golden"]),
    tests(of: "Datasets", ["Support"]),
    tests(of: "Preparation", ["Support", "Datasets", "Images", "Compute"], excluding: ["Fixtures"]),
    tests(of: "Proposals", ["Support", "Datasets", "Images", "Randomness", "Compute"], excluding: ["Golden"]),
    tests(
      of: "Batches", ["Support", "Datasets", "Images", "Compute", "Proposals", "Randomness"], excluding: ["Golden"]),
    // Values by formula and the comparison of gradients with differences.
    .target(
      name: "TestSupport", dependencies: ["Compute", "Layers"], path: "Tests/TestSupport", swiftSettings: arithmetic),
    tests(of: "Layers", ["Kernels", "Compute", "TestSupport"]),
    tests(
      of: "Models", ["Randomness", "Kernels", "Compute", "Batches", "Layers", "TestSupport"], excluding: ["Golden"]),
    // Runs under mpirun, started by ClusterTests: what several ranks must agree on.
    .executableTarget(
      name: "cluster-check", dependencies: ["Cluster", "Compute", "Kernels", "Optimizers"],
      path: "Tests/cluster-check", swiftSettings: arithmetic),
    tests(of: "Cluster", ["Compute", "Kernels", "Layers", "Models", "cluster-check"]),
    // Damaged files for every decoder, started by Launch/fuzz and by FuzzTests.
    .executableTarget(
      name: "dnet-fuzz",
      dependencies: [
        "CJPEG", "CZlib", "Support", "Randomness", "Images", "Datasets", "Preparation", "Proposals", "Compute",
      ],
      path: "Tests/dnet-fuzz", swiftSettings: arithmetic),
    .testTarget(name: "FuzzTests", dependencies: ["dnet-fuzz"], swiftSettings: arithmetic),
    tests(of: "Optimizers", ["Compute"]),
    tests(of: "Checkpoints", ["Support", "Compute"], excluding: ["Fixtures"]),
    // dnet-train with a second model, which shows what a model needs: started by SecondModelTests.
    .executableTarget(
      name: "fcn-tiny",
      dependencies: [
        "Batches", "Compute", "Datasets", "Images", "Layers", "Models", "Proposals", "DnetCommand", "TrainCommand",
      ],
      path: "Tests/fcn-tiny", swiftSettings: arithmetic),
    tests(of: "Evaluation", ["Support", "Checkpoints", "Images", "Batches", "Layers", "Models", "Compute"]),
    tests(of: "Benchmarks", ["CProcessor", "Kernels", "Layers", "Models", "Randomness", "Compute"]),
    tests(of: "Scaling", ["Cluster", "Training"]),
    tests(of: "Training", ["CProcessor", "Compute", "Layers", "Models", "Cluster"]),
    // Suites that start the built commands, alone and under mpirun, and look at what they write.
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "Support", "Compute", "Images", "Datasets", "Checkpoints", "Evaluation", "Training", "dnet", "dnet-train",
        "fcn-tiny",
      ],
      swiftSettings: arithmetic),
  ],
  swiftLanguageModes: [.v6]
)
