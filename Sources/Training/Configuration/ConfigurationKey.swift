// Every configuration key: name, meaning, default, range. The help text, the documentation and the checks are made of
// this one list.

/// A key's type and the values that it accepts.
package enum ConfigurationKind: Sendable {
  case text
  case choice([String])
  case integer(ClosedRange<Int>)
  /// An integer that is also a multiple of the second value.
  case multiple(ClosedRange<Int>, of: Int)
  case number(ClosedRange<Double>)
  case flag

  /// What the key accepts, in words.
  package var range: String {
    switch self {
    case .text: "text"
    case .choice(let names): names.joined(separator: " | ")
    case .integer(let range):
      range.upperBound == .max
        ? "an integer of at least \(range.lowerBound)" : "an integer \(range.lowerBound)...\(range.upperBound)"
    case .multiple(let range, let step): "a multiple of \(step), \(range.lowerBound)...\(range.upperBound)"
    case .number(let range):
      range.upperBound.isInfinite
        ? "a number of at least \(range.lowerBound)" : "a number \(range.lowerBound)...\(range.upperBound)"
    case .flag: "true | false"
    }
  }

  /// Whether a value, written as text, is one of the kind.
  package func accepts(_ value: String) -> Bool {
    switch self {
    case .text: true
    case .choice(let names): names.contains(value)
    case .integer(let range): Int(value).map(range.contains) ?? false
    case .multiple(let range, let step): Int(value).map { range.contains($0) && $0 % step == 0 } ?? false
    case .number(let range): Double(value).map { $0.isFinite && range.contains($0) } ?? false
    case .flag: value == "true" || value == "false"
    }
  }

  /// Whether two accepted values are the same, in whatever words: 0.1 and 1e-1 are. Integers are not compared as Double,
  /// which would take neighbouring large seeds for one.
  package func equal(_ a: String, _ b: String) -> Bool {
    switch self {
    case .text, .choice, .flag: a == b
    case .integer, .multiple: Int(a) == Int(b)
    case .number: Double(a) == Double(b)
    }
  }
}

/// One key with its documentation.
package struct ConfigurationKey: Sendable {
  package let path: String
  package let kind: ConfigurationKind
  /// nil where the file must give a value.
  package let fallback: String?
  package let summary: String

  private init(_ path: String, _ kind: ConfigurationKind, _ fallback: String?, _ summary: String) {
    (self.path, self.kind, self.fallback, self.summary) = (path, kind, fallback, summary)
  }

  private static let counts = 1...Int.max
  private static let countsOrZero = 0...Int.max
  private static let positive = Double.leastNormalMagnitude...Double.infinity
  private static let share = 0.0...1.0

  /// All keys, in the order in which the resolved configuration is written.
  package static let all: [ConfigurationKey] =
    [
      .init("name", .text, "dnet", "What the run is called in its log."),
      .init(
        "seed", .integer(0...Int.max), "1",
        "Seed of initial weights, order, crops, dropout and the choice of strong images."),
      .init("network.model", .choice(["decouplednet"]), "decouplednet", "The network; there is one."),
      .init(
        "network.width", .number(0.01...4), "1",
        "Factor on VGG16's channels; each count is rounded up to a multiple of 16."),
      .init("network.inputSize", .multiple(32...2048, of: 32), "320", "Side of the square input in pixels."),
      .init("network.classes", .integer(1...20), "20", "Classes without background: the first so many of VOC's."),
      .init(
        "network.batchNormalization", .flag, "false",
        "Batch norm after each convolution of the classification network (VGG16-BN), for training from scratch."),
      .init(
        "network.initialization", .choice(["gaussian", "he"]), "gaussian",
        "Initial weights: the authors' normal of deviation 0.01, or He's for training from scratch."),
      .init(
        "network.convolution", .choice(["winograd", "direct"]), "winograd",
        "Kernels of the 3x3 layers: direct sums in plain order, to compare with, and is several times slower."),
      .init("data.root", .text, nil, "The data set: a folder with JPEGImages, SegmentationClassAug and ImageSets."),
      .init(
        "data.weakList", .text, "ImageSets/Segmentation/train_aug.txt",
        "Images of phase one, under the root: labels only."),
      .init(
        "data.strongList", .text, "ImageSets/Segmentation/train_aug.txt",
        "Images from which phase two's are chosen: masks."),
      .init(
        "data.strongPerClass", .integer(countsOrZero), "0",
        "Strong images a class, chosen by seed; 0 takes all of the list."),
      .init(
        "data.weakFromStrong", .flag, "false",
        "Phase one sees only the chosen strong images: the paper's DecoupledNet-Str."),
      .init(
        "data.pack", .text, "",
        "A pack of the data set (dnet data pack), read in place of the folder; its lists have their usual names."),
      .init(
        "data.proposals", .text, "random",
        "Crops of phase two. random: a new box for every example; edgeboxes: a crop list made at the start from EdgeBoxes "
          + "and random boxes; else the path of a list that dnet data propose wrote, or its name in the pack."),
      .init(
        "data.cropsPerCombination", .integer(1...100_000), "200",
        "N_p of the paper: crops a label combination, for edgeboxes."),
      .init("data.cacheMegabytes", .integer(countsOrZero), "128", "Decoded pictures that a rank keeps in memory."),
      .init("minibatch.shards", .integer(1...65536), "16", "Shards of a minibatch; as many ranks can share it."),
      .init("minibatch.shardSize", .integer(1...1024), "4", "Examples of a shard; batch norm is over one shard."),
    ] + phase("classification", iterations: "5500", rate: "0.001", step: "2000", decay: "0.0005", dropout: "0.5")
    + [
      .init(
        "classification.scoreRateMultiplier", .number(0...1000), "10",
        "How much faster the score layer learns; the authors' 10 is for the rest starting from ImageNet weights.")
    ] + phase("segmentation", iterations: "5500", rate: "0.01", step: "10000", decay: "3.125e-5", dropout: "0") + [
      .init(
        "statistics.shards", .integer(counts), "101", "Shards whose batch-norm statistics are averaged after a phase."),
      .init(
        "checkpoint.every", .integer(countsOrZero), "500",
        "Iterations between checkpoints; 0 writes only each phase's last."),
      .init("checkpoint.keep", .integer(counts), "3", "Newest checkpoints kept; a phase's last one always stays."),
      .init(
        "cluster.bucketMegabytes", .number(0.0001...1024), "32",
        "Gradients that travel together; smaller ones leave earlier, larger ones cost less each. Changes no bit."),
      .init(
        "cluster.factors", .choice(["automatic", "sums", "factors", "replicas"]), "automatic",
        "How gradients of fc6, fc7 and fc6_deconv travel: as sums, as their factors, as factors with every rank updating "
          + "the whole (more momentum, no weights on the wire), or as the smaller of the first two. Changes no bit."),
      .init(
        "cluster.stallSeconds", .number(0...1e6), "600",
        "An iteration that lasts longer ends the job, after each rank has said what it waits for; 0 for no watch."),
      .init(
        "cluster.reportEvery", .integer(countsOrZero), "0",
        "Iterations between two summaries of the ranks' times; 0 for one at the end."),
      .init(
        "cluster.mixedInstructionSets", .choice(["refuse", "warn"]), "refuse",
        "Ranks built for different instruction sets, or with different kernels of OpenBLAS: weights then depend on who holds which shard."
      ),
      .init(
        "verify.every", .integer(countsOrZero), "100",
        "Iterations between two digests of weights and gradients in verification.jsonl, for dnet verify; 0 writes no such log."
      ),
      .init(
        "threads", .integer(countsOrZero), "0",
        "Threads a rank; 0 shares the cores it may use with the ranks beside it."),
    ]

  private static func phase(
    _ name: String, iterations: String, rate: String, step: String, decay: String, dropout: String
  ) -> [ConfigurationKey] {
    [
      .init("\(name).iterations", .integer(countsOrZero), iterations, "Iterations of the phase."),
      .init("\(name).learningRate.base", .number(0...1000), rate, "Learning rate at iteration 0."),
      .init(
        "\(name).learningRate.step", .integer(countsOrZero), step,
        "Iterations until the rate is multiplied by the factor; 0 never."),
      .init("\(name).learningRate.factor", .number(share), "0.1", "What the rate is multiplied by at each step."),
      .init("\(name).momentum", .number(0...0.9999), "0.9", "Momentum of SGD."),
      .init("\(name).weightDecay", .number(0...1), decay, "Weight decay, added to the mean gradient undivided."),
      .init(
        "\(name).dropout", name == "segmentation" ? .number(0...0) : .number(0...0.99), dropout,
        name == "segmentation"
          ? "Must be 0: phase two has no dropout in the authors' files."
          : "Probability that a unit of fc6 or fc7 is dropped."),
    ]
  }

  package static func named(_ path: String) -> ConfigurationKey? { all.first { $0.path == path } }

  /// The known key whose spelling is nearest (Levenshtein distance), for the message about an unknown one.
  package static func nearest(to path: String) -> String {
    all.map(\.path).min { distance($0, path) < distance($1, path) }!
  }

  private static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.lowercased()), Array(b.lowercased()))
    var row = Array(0...b.count)
    for i in 1...max(a.count, 1) where !a.isEmpty {
      var diagonal = row[0]
      row[0] = i
      for j in 1...max(b.count, 1) where !b.isEmpty {
        let cost = a[i - 1] == b[j - 1] ? diagonal : min(diagonal, row[j], row[j - 1]) + 1
        (diagonal, row[j]) = (row[j], cost)
      }
    }
    return row[b.count]
  }

  /// A table of all keys for `--help` and the documentation.
  package static var table: String {
    all.map { key in
      "  \(key.path)  (\(key.fallback.map { "default \($0)" } ?? "required"); \(key.kind.range))\n      \(key.summary)"
    }.joined(separator: "\n")
  }
}
