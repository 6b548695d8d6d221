// The list of configuration keys. Reading, range checks, `--help` and docs/configuration.md all derive from it.
import Models

/// One configuration key with its documentation.
package struct ConfigurationKey: Sendable {
  package let path: String
  package let kind: ConfigurationKind
  /// The value of a key that is not set, as text; nil for a key that must be set.
  package let defaultValue: String?
  /// True for a key that may differ between a checkpoint and the run that resumes from it, because no weight that was
  /// already learned depends on it.
  package let isFree: Bool
  /// Former spellings, the oldest first. All of them stay accepted.
  package let formerNames: [String]
  package let summary: String

  /// True for a key on which the names or shapes of the parameters depend, so that a checkpoint's weights fit no other
  /// value.
  package var decidesShapes: Bool { Self.shapeKeys.contains(path) }

  private static let shapeKeys: Set = [
    "network.model", "network.width", "network.inputSize", "network.classes", "network.batchNormalization",
  ]

  /// The key's name in the verification chain: its oldest spelling. It must never change.
  package var identity: String { formerNames.first ?? path }

  private init(
    _ path: String, _ kind: ConfigurationKind, default defaultValue: String?, free isFree: Bool = false,
    formerly formerNames: [String] = [], summary: String
  ) {
    self.path = path
    self.kind = kind
    self.defaultValue = defaultValue
    self.isFree = isFree
    self.formerNames = formerNames
    self.summary = summary
  }

  private static let counts = 1...Int.max
  private static let countsOrZero = 0...Int.max

  // MARK: The keys

  /// The keys of a configuration whose model has these phases, in the order in which the resolved file is written.
  package static func all(for phases: [PhaseSpec]) -> [ConfigurationKey] {
    beforePhases + phases.flatMap(section) + afterPhases
  }

  /// The keys of all models together, for lookups before the model is known.
  package static var known: [ConfigurationKey] {
    var paths: Set<String> = []
    return all(for: ModelRegistry.all.flatMap { $0.phases }).filter { paths.insert($0.path).inserted }
  }

  private static var beforePhases: [ConfigurationKey] {
    [
      .init("name", .text, default: "dnet", free: true, summary: "The name of the run in its log."),
      .init(
        "seed", .integer(countsOrZero), default: "1",
        summary: "Seed of initial weights, example order, crops, dropout and the choice of masks."),
      model,
      .init(
        "network.width", .number(0.01...4), default: "1",
        summary: "Factor on VGG16's channel counts; each count is rounded up to a multiple of 16."),
      .init(
        "network.inputSize", .multiple(32...2048, of: 32), default: "320",
        summary: "Side of the square network input in pixels."),
      .init(
        "network.classes", .integer(1...20), default: "20",
        summary: "Number of classes without background; the first ones of VOC's list are used."),
      .init(
        "network.batchNormalization", .flag, default: "false",
        summary: "Batch normalization in the classification network (VGG16-BN), for training from scratch."),
      .init(
        "network.initialization", .choice(["gaussian", "he"]), default: "gaussian",
        summary: "Initial weights: the authors' normal of deviation 0.01, or He's for training from scratch."),
      .init(
        "network.convolution", .choice(["winograd", "direct"]), default: "winograd",
        summary: "Kernels of the 3x3 layers; direct adds in plain order for comparison, several times slower."),
      .init(
        "data.root", .text, default: nil, free: true,
        summary: "The dataset: a directory with JPEGImages, SegmentationClassAug and ImageSets."),
      .init(
        "data.imageLabelList", .text, default: "ImageSets/Segmentation/train_aug.txt", formerly: ["data.weakList"],
        summary: "Images of the classification phase, relative to data.root; only their class labels are used."),
      .init(
        "data.maskList", .text, default: "ImageSets/Segmentation/train_aug.txt", formerly: ["data.strongList"],
        summary: "Images with masks from which those of the segmentation phase are chosen."),
      .init(
        "data.masksPerClass", .integer(countsOrZero), default: "0", formerly: ["data.strongPerClass"],
        summary: "Each class occurs in at least this many masks, chosen by the seed; 0 uses the whole list."),
      .init(
        "data.imageLabelsFromMaskedOnly", .flag, default: "false", formerly: ["data.weakFromStrong"],
        summary: "The classification phase uses the chosen images with masks only: the paper's DecoupledNet-Str."),
      .init(
        "data.pack", .text, default: "", free: true,
        summary: "A pack of the dataset (dnet data pack), read instead of the directory; its lists keep their names."),
      .init(
        "data.proposals", .text, default: "random",
        summary: "Crops of the segmentation phase. random: a new box for each example; edgeboxes: a crop list made at "
          + "the start from EdgeBoxes and random boxes; otherwise a list written by dnet data propose: its path, or "
          + "its name in the pack."),
      .init(
        "data.cropsPerCombination", .integer(1...100_000), default: "200",
        summary: "N_p of the paper: crops per label combination, for edgeboxes."),
      .init(
        "data.cacheMegabytes", .integer(countsOrZero), default: "128", free: true,
        summary: "Memory for decoded images on each rank, in MiB."),
      .init(
        "minibatch.shards", .integer(1...65536), default: "16",
        summary: "Shards of a minibatch; at most this many ranks can share it."),
      .init(
        "minibatch.shardSize", .integer(1...1024), default: "4",
        summary: "Examples of a shard; batch normalization is computed over one shard."),
    ]
  }

  /// The key that determines the phases, and with them the other keys.
  static var model: ConfigurationKey {
    let names = ModelRegistry.names
    return .init(
      "network.model", .choice(names), default: names[0], summary: "The network; its phases define their own keys.")
  }

  private static func section(_ phase: PhaseSpec) -> [ConfigurationKey] {
    let (name, defaults) = (phase.name, phase.defaults)
    let keys: [ConfigurationKey] = [
      .init(
        "\(name).iterations", .integer(countsOrZero), default: "\(defaults.iterations)", free: true,
        summary: "Iterations of the phase."),
      .init(
        "\(name).learningRate.base", .number(0...1000), default: text(defaults.learningRate),
        summary: "Learning rate at iteration 0."),
      .init(
        "\(name).learningRate.step", .integer(countsOrZero), default: "\(defaults.learningRateStep)",
        summary: "Iterations after which the learning rate is multiplied by gamma, repeatedly; 0 for never."),
      .init(
        "\(name).learningRate.gamma", .number(0...1), default: "0.1", formerly: ["\(name).learningRate.factor"],
        summary: "Factor on the learning rate at each step."),
      .init("\(name).momentum", .number(0...0.9999), default: "0.9", summary: "Momentum of SGD."),
      .init(
        "\(name).weightDecay", .number(0...1), default: text(defaults.weightDecay),
        summary: "Weight decay; weight times this is added to the mean gradient of the minibatch."),
      .init(
        "\(name).dropout", defaults.dropout == nil ? .number(0...0) : .number(0...0.99),
        default: text(defaults.dropout ?? 0),
        summary: defaults.dropout == nil
          ? "Must be 0: the authors' files have no dropout in this phase."
          : "Probability that a unit of fc6 or fc7 is dropped."),
    ]
    guard let multiplier = defaults.scoreRateMultiplier else { return keys }
    return keys + [
      .init(
        "\(name).scoreRateMultiplier", .number(0...1000), default: text(multiplier),
        summary: "Learning-rate factor of the score layer; 10 assumes ImageNet weights in the other layers.")
    ]
  }

  private static var afterPhases: [ConfigurationKey] {
    [
      .init(
        "batchNormalization.calibrationShards", .integer(counts), default: "101", formerly: ["statistics.shards"],
        summary: "Shards over which batch-norm statistics are averaged after a phase."),
      .init(
        "checkpoint.every", .integer(countsOrZero), default: "500", free: true,
        summary: "Iterations between checkpoints; 0 writes only the last one of each phase."),
      .init(
        "checkpoint.keep", .integer(counts), default: "3", free: true,
        summary: "Number of newest checkpoints kept; the last one of a phase is always kept."),
      .init(
        "cluster.bucketMegabytes", .number(0.0001...1024), default: "32", free: true,
        summary: "Largest bucket of gradients; small buckets are sent earlier. Changes no result."),
      .init(
        "cluster.gradientExchange", .choice(["automatic", "sums", "factors", "replicas"]), default: "automatic",
        free: true, formerly: ["cluster.factors"],
        summary: "Exchange of the gradients of fc6, fc7 and fc6_deconv: as sums, as factors, or as factors with every "
          + "rank updating all weights (replicas: more momentum memory, no weights sent). automatic chooses the faster "
          + "of the first two. Changes no result."),
      .init(
        "cluster.stallSeconds", .number(0...1e6), default: "600", free: true,
        summary: "An iteration that lasts longer ends the job, and each rank reports what it waits for; 0: no limit."),
      .init(
        "cluster.reportEvery", .integer(countsOrZero), default: "0", free: true,
        summary: "Iterations between two summaries of the ranks' times; 0 for one at the end."),
      .init(
        "cluster.mixedInstructionSets", .choice(["refuse", "warn"]), default: "refuse", free: true,
        summary: "Ranks built for different instruction sets or with different OpenBLAS kernels are refused, or "
          + "tolerated with a warning: weights then depend on the assignment of shards to ranks."),
      .init(
        "verify.every", .integer(countsOrZero), default: "100", free: true,
        summary: "Iterations between two digests in verification.jsonl, for dnet verify; 0 writes no such log."),
      .init(
        "threads", .integer(countsOrZero), default: "0", free: true,
        summary: "Threads per rank; 0 divides the available cores among the ranks that share them."),
    ]
  }

  /// A default as text. The text of a value is hashed by the verification chain, so this form must not change: 10 and
  /// 3.125e-5, not Swift's 10.0 and 3.125e-05.
  private static func text(_ value: Double) -> String {
    value == value.rounded() ? "\(Int(value))" : "\(value)".replacing("e-0", with: "e-")
  }

  // MARK: Lookup

  /// The known key with this spelling, current or former.
  package static func named(_ spelling: String) -> ConfigurationKey? {
    known.first { $0.path == spelling || $0.formerNames.contains(spelling) }
  }

  /// The current spelling of a key, for names in files of earlier versions. Unknown names are returned unchanged.
  package static func currentName(of spelling: String) -> String { named(spelling)?.path ?? spelling }

  /// The known key whose spelling, current or former, is nearest by Levenshtein distance.
  package static func nearest(to spelling: String, among keys: [ConfigurationKey] = known) -> String {
    func distance(_ key: ConfigurationKey) -> Int {
      ([key.path] + key.formerNames).map { self.distance($0, spelling) }.min()!
    }
    return keys.min { distance($0) < distance($1) }!.path
  }

  private static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.lowercased())
    let b = Array(b.lowercased())
    var row = Array(0...b.count)
    for i in 1...max(a.count, 1) where !a.isEmpty {
      var diagonal = row[0]
      row[0] = i
      for j in 1...max(b.count, 1) where !b.isEmpty {
        let cost = a[i - 1] == b[j - 1] ? diagonal : min(diagonal, row[j], row[j - 1]) + 1
        diagonal = row[j]
        row[j] = cost
      }
    }
    return row[b.count]
  }

  /// A table of all keys for `--help`; each model's own keys stand under its name.
  package static var table: String {
    func lines(_ keys: [ConfigurationKey]) -> [String] {
      keys.map { key in
        let defaultText = key.defaultValue.map { $0.isEmpty ? "not set by default" : "default \($0)" } ?? "required"
        let former = key.formerNames.isEmpty ? "" : "; formerly \(key.formerNames.joined(separator: ", "))"
        return "  \(key.path)  (\(defaultText); \(key.kind.range)\(former))\n      \(key.summary)"
      }
    }
    let sections = ModelRegistry.all.flatMap { model in
      ["", "Keys of network.model=\(model.name):"] + lines(model.phases.flatMap(section))
    }
    return (lines(beforePhases) + sections + ["", "Further keys of every model:"] + lines(afterPhases))
      .joined(separator: "\n")
  }
}
