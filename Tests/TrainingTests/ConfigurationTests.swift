// Tests of `Configuration`: reading files and settings, refusals and their messages, former names of keys, comparison,
// and agreement of the files in Configs and the table in docs with the code.
import Foundation
import Models
import Testing
import Training

@Suite struct ConfigurationTests {
  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let least = "data: {root: /data}"
  static let renamedKeys = [
    ("data.weakList", "data.imageLabelList", "a.txt"), ("data.strongList", "data.maskList", "b.txt"),
    ("data.strongPerClass", "data.masksPerClass", "7"),
    ("data.weakFromStrong", "data.imageLabelsFromMaskedOnly", "true"),
    ("classification.learningRate.factor", "classification.learningRate.gamma", "0.5"),
    ("segmentation.learningRate.factor", "segmentation.learningRate.gamma", "0.25"),
    ("statistics.shards", "batchNormalization.calibrationShards", "11"),
    ("cluster.factors", "cluster.gradientExchange", "sums"),
  ]

  func error(_ yaml: String, _ settings: [String] = []) -> ConfigurationError? {
    do {
      _ = try Configuration(yaml: yaml, settings: settings)
      return nil
    } catch { return error as? ConfigurationError }
  }

  // MARK: Values

  @Test("Keys that the file does not set have their defaults.") func defaults() throws {
    let configuration = try Configuration(yaml: Self.least)
    #expect(configuration.values.count == configuration.keys.count)
    for key in configuration.keys where key.path != "data.root" {
      #expect(configuration.values[key.path] == key.defaultValue, "\(key.path)")
      #expect(key.defaultValue.map(key.kind.accepts) == true, "\(key.path): the default is out of range")
      #expect(!key.summary.isEmpty)
    }
    #expect(configuration.dataRoot == "/data")
    #expect(configuration.shape == NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false))
    #expect(configuration.shards == 16 && configuration.shardSize == 4 && configuration.seed == 1)
    #expect(configuration.cacheBytes == 128 << 20)
    #expect(configuration.initialization == .gaussian)
    #expect(configuration.settings(of: "segmentation").rateBase == 0.01)
    #expect(configuration.settings(of: "classification").dropout == 0.5)
  }

  @Test("Settings override the file, and the last setting of a key counts.") func settingsOverrideTheFile() throws {
    let yaml = """
      seed: 3
      network: {width: 0.25, classes: 5}
      data: {root: /data}
      classification:
        learningRate: {base: 0.5}
      """
    let configuration = try Configuration(
      yaml: yaml,
      settings: [
        "network.width=0.5", "classification.learningRate.base=0.125", "name=a=b", "seed=7", "seed=8",
        "data.imageLabelsFromMaskedOnly=true",
      ])
    #expect(configuration.shape.width == 0.5 && configuration.shape.classes == 5)
    #expect(configuration.settings(of: "classification").rateBase == 0.125)
    // Everything after the first equals sign belongs to the value.
    #expect(configuration.name == "a=b" && configuration.seed == 8 && configuration.imageLabelsFromMaskedOnly)
    let settings = configuration.settings(of: "classification")
    #expect(settings.iterations == 5500 && settings.rateStep == 2000 && settings.rateGamma == 0.1)
    #expect(settings.momentum == 0.9 && settings.weightDecay == 0.0005)
  }

  @Test("A setting without a key or an equals sign is refused.", arguments: ["noequals", "=3", ""])
  func badSettings(text: String) {
    #expect(error(Self.least, [text]) == .badSetting(text))
    #expect(error(Self.least, [text])?.description.contains("key.path=value") == true)
  }

  @Test("The resolved configuration reads back to the same values.") func resolvedFile() throws {
    let awkward = [
      "name=it's 5: a #test, {x} [y] & *z \"quoted\" \\n", "data.root=/path with space/ü",
      "data.imageLabelList=list\twith\ttabs\nand lines",
      "data.maskList=", "network.width=0.0625", "network.batchNormalization=true", "network.initialization=he",
      "seed=9223372036854775807", "segmentation.weightDecay=3.125e-5", "classification.dropout=0.0", "threads=+3",
    ]
    for settings in [[], awkward, ["name=yes", "data.root=null"], ["name= padded ", "data.root=~"]] {
      let configuration = try Configuration(yaml: Self.least, settings: settings)
      let again = try Configuration(yaml: configuration.yaml)
      #expect(again == configuration)
      #expect(again.yaml == configuration.yaml)
    }
    // Each group is written once.
    let lines = try Configuration(yaml: Self.least).yaml.split(separator: "\n").map(String.init)
    #expect(lines.count { $0.hasPrefix("classification:") } == 1)
    #expect(lines.contains("  learningRate:") && lines.contains("    base: 0.001"))
  }

  // MARK: Refusals

  @Test(
    "The message about an unknown key names the nearest known key.",
    arguments: [
      ("networc.width", "network.width"), ("network.inputsize", "network.inputSize"), ("widht", "seed"),
      ("thread", "threads"),
      ("segmentation.learning_rate.base", "segmentation.learningRate.base"), ("checkpoint.evry", "checkpoint.every"),
      ("data.strongperclass", "data.masksPerClass"), ("data.masksperclass", "data.masksPerClass"),
      ("minibatch.shard", "minibatch.shards"),
    ])
  func unknownKeys(key: String, nearest: String) throws {
    let found = try #require(error(Self.least, ["\(key)=1"]))
    guard case .unknownKey(key, let suggestion) = found else {
      Issue.record("\(found)")
      return
    }
    // Any suggestion is acceptable for a word that is far from all keys.
    if key != "widht" { #expect(suggestion == nearest) }
    #expect(ConfigurationKey.named(suggestion) != nil)
    #expect(found.description.contains(key) && found.description.contains(suggestion))
  }

  @Test("Unknown keys in the file are refused.") func unknownKeysInTheFile() {
    #expect(error("data: {root: /data}\nnetwork: {wdth: 1}") == .unknownKey("network.wdth", nearest: "network.width"))
    #expect(error("data: {root: /data}\nseeds: 1") == .unknownKey("seeds", nearest: "seed"))
    // A value in place of a group, and a group in place of a value.
    if case .unknownKey("network", _) = error("data: {root: /data}\nnetwork: 1") {} else { Issue.record("network: 1") }
    if case .unknownKey("seed.x", "seed") = error("data: {root: /data}\nseed: {x: 1}") {
    } else {
      Issue.record("seed: {x: 1}")
    }
  }

  @Test(
    "Values outside a key's range are refused with the range.",
    arguments: [
      ("network.model", "vgg"), ("network.initialization", "He"), ("network.initialization", ""),  // choices
      ("seed", "-1"), ("seed", "1.5"), ("seed", "one"), ("seed", ""), ("seed", "9223372036854775808"),  // integers
      ("minibatch.shards", "0"), ("minibatch.shards", "65537"), ("batchNormalization.calibrationShards", "0"),
      ("checkpoint.keep", "0"),
      ("network.classes", "0"), ("network.classes", "21"), ("minibatch.shardSize", "1e1"),
      ("network.inputSize", "0"), ("network.inputSize", "100"), ("network.inputSize", "2080"),
      ("network.inputSize", "-32"),  // multiples
      ("network.width", "0"), ("network.width", "4.5"), ("network.width", "wide"), ("network.width", "nan"),  // numbers
      ("classification.learningRate.base", "-0.1"), ("classification.learningRate.base", "inf"),
      ("classification.momentum", "1"),
      ("classification.dropout", "1"), ("segmentation.dropout", "0.5"), ("segmentation.learningRate.gamma", "1.1"),
      ("network.batchNormalization", "yes"), ("network.batchNormalization", "True"),
      ("data.imageLabelsFromMaskedOnly", "1"),  // flags
    ])
  func valuesOutOfRange(key: String, value: String) throws {
    let kind = try #require(ConfigurationKey.named(key)).kind
    let found = try #require(error(Self.least, ["\(key)=\(value)"]))
    #expect(found == .outOfRange(key: key, value: value, range: kind.range))
    #expect(found.description.contains(key) && found.description.contains(kind.range))
  }

  @Test(
    "Both bounds belong to a range.",
    arguments: [
      ("network.inputSize", "32"), ("network.inputSize", "2048"), ("network.width", "0.01"), ("network.width", "4"),
      ("network.classes", "1"), ("network.classes", "20"), ("seed", "0"), ("classification.dropout", "0.99"),
      ("classification.momentum", "0"), ("segmentation.dropout", "0.0"), ("classification.iterations", "0"),
      ("network.width", "1e-1"), ("minibatch.shards", "65536"),
    ])
  func bounds(key: String, value: String) throws {
    #expect(try Configuration(yaml: Self.least, settings: ["\(key)=\(value)"]).values[key] == value)
  }

  @Test("Ranges are described in words.") func ranges() {
    #expect(ConfigurationKind.text.range == "text")
    #expect(ConfigurationKind.choice(["a", "b"]).range == "a | b")
    #expect(ConfigurationKind.integer(1...9).range == "an integer 1...9")
    #expect(ConfigurationKind.integer(2...Int.max).range == "an integer of at least 2")
    #expect(ConfigurationKind.multiple(32...64, of: 32).range == "a multiple of 32, 32...64")
    #expect(ConfigurationKind.number(0...0.5).range == "a number 0.0...0.5")
    #expect(ConfigurationKind.number(0...Double.infinity).range == "a number of at least 0.0")
    #expect(ConfigurationKind.flag.range == "true | false")
  }

  @Test("Lists, malformed files and missing required keys are refused.") func badFiles() {
    #expect(error("data: {root: /data}\nseed: [1, 2]") == .notAKey("seed", found: "a list"))
    #expect(error("- 1\n- 2") == .notAKey("", found: "a list") || error("- 1\n- 2") != nil)
    for text in ["a: [", "a: b: c", "\t- x", "data: {root: *nowhere}"] {
      guard case .notYAML = error(text) else {
        Issue.record("\(text): \(String(describing: error(text)))")
        continue
      }
    }
    for text in ["", "# nothing", "seed: 2"] {
      guard case .missing("data.root", _) = error(text) else {
        Issue.record("\(text): \(String(describing: error(text)))")
        continue
      }
    }
    #expect(throws: ConfigurationError.self) { try Configuration(file: "/nowhere/config.yaml") }
  }

  @Test("YAML aliases are resolved.") func aliases() throws {
    let yaml = "data: {root: /data}\nclassification: {iterations: &n 70}\nsegmentation: {iterations: *n}"
    #expect(try Configuration(yaml: yaml).settings(of: "segmentation").iterations == 70)
  }

  @Test("An unknown model is refused with the list of models before any other key is checked.") func unknownModel() {
    #expect(
      error("network: {model: vgg}\nstage1: {iterations: 5}")
        == .outOfRange(key: "network.model", value: "vgg", range: "decouplednet"))
  }

  // MARK: Former names

  @Test("A former name sets the same key in a file and in a setting.", arguments: renamedKeys)
  func formerNames(former: String, path: String, value: String) throws {
    let expected = try Configuration(yaml: Self.least, settings: ["\(path)=\(value)"])
    #expect(expected.formerNamesNotice == nil)
    let groups = former.split(separator: ".")
    let inFile =
      groups.dropLast().map { "\($0): {" }.joined() + "\(groups.last!): \(value)"
      + String(repeating: "}", count: groups.count - 1)
    let fromFile = try Configuration(yaml: inFile, settings: ["data.root=/data"])
    let fromSetting = try Configuration(yaml: Self.least, settings: ["\(former)=\(value)"])
    for configuration in [fromFile, fromSetting] {
      #expect(configuration == expected && configuration.values[path] == value)
      #expect(configuration.formerNamesNotice?.contains("\(former) is now \(path)") == true)
    }
    #expect(ConfigurationKey.named(former)?.path == path && ConfigurationKey.currentName(of: former) == path)
    #expect(ConfigurationKey.named(path)?.identity == former)
    // The resolved file has current names only.
    #expect(try Configuration(yaml: fromFile.yaml).formerNamesNotice == nil)
  }

  @Test("One notice lists all keys with former names, each once.") func notice() throws {
    let configuration = try Configuration(
      yaml: "data: {root: /data, strongPerClass: 3}\ncluster: {factors: sums}",
      settings: ["data.strongPerClass=4", "statistics.shards=5"])
    #expect(
      configuration.formerNamesNotice
        == "note: the configuration uses former names of keys: data.strongPerClass is now data.masksPerClass, "
        + "statistics.shards is now batchNormalization.calibrationShards, cluster.factors is now "
        + "cluster.gradientExchange. They stay valid; docs/configuration.md lists them")
    #expect(ConfigurationKey.currentName(of: "seed") == "seed" && ConfigurationKey.currentName(of: "other") == "other")
  }

  @Test("A setting overrides the file under either name.") func settingsOverrideFormerNames() throws {
    let former = try Configuration(yaml: "data: {root: /data, strongPerClass: 3}", settings: ["data.masksPerClass=4"])
    let current = try Configuration(yaml: "data: {root: /data, masksPerClass: 3}", settings: ["data.strongPerClass=4"])
    #expect(former.masksPerClass == 4 && current.masksPerClass == 4)
  }

  @Test("Both names of one key in the file, or both in the settings, are refused with both values.")
  func bothNames() throws {
    let expected = ConfigurationError.setTwice(
      key: "data.masksPerClass", value: "4", formerName: "data.strongPerClass", formerValue: "3")
    #expect(error("data: {root: /data, strongPerClass: 3, masksPerClass: 4}") == expected)
    #expect(error(Self.least, ["data.strongPerClass=3", "data.masksPerClass=4"]) == expected)
    #expect(
      expected.description == "data.masksPerClass is 4, and data.strongPerClass, a former name of the same key, is 3: "
        + "keep one, under the name data.masksPerClass")
  }

  /// The expected value was computed from the keys, their order and their defaults before keys were renamed. Runs of
  /// that version can be verified only while the fingerprint stays the same.
  @Test("The fingerprint depends on the identities of keys and not on their current names.") func fingerprint() throws {
    let configuration = try Configuration(yaml: Self.least)
    #expect(configuration.fingerprint == "d7ef530a8e369e362777ef4a0ebc8ea3af7efe20b165575910b09cf39d405b07")
    #expect(try Configuration(yaml: Self.least, settings: ["threads=3"]).fingerprint == configuration.fingerprint)
    #expect(try Configuration(yaml: Self.least, settings: ["seed=3"]).fingerprint != configuration.fingerprint)
  }

  // MARK: Comparison

  @Test("A difference is reported for every key that is not free, and for no free key.") func differences() throws {
    let one = try Configuration(yaml: Self.least)
    for key in one.keys {
      let value: String? =
        switch key.kind {
        case .text: "other"
        case .choice(let names): names.first { $0 != key.defaultValue }
        case .integer(let range): "\(range.contains(7) ? 7 : range.lowerBound)"
        case .multiple(let range, _): "\(range.lowerBound)"
        case .number(let range): range.contains(0.25) ? "0.25" : nil
        case .flag: "true"
        }
      guard let value else { continue }  // network.model has one choice, segmentation.dropout one value
      let other = try Configuration(yaml: Self.least, settings: ["\(key.path)=\(value)"])
      let difference = one.difference(from: other)
      if key.isFree {
        #expect(difference == nil, "\(key.path)")
      } else {
        #expect(difference?.key == key.path && difference?.there == value, "\(key.path)")
        #expect(other.difference(from: one)?.here == value)
      }
    }
    #expect(
      one.keys.filter(\.isFree).map(\.path).sorted() == [
        "checkpoint.every", "checkpoint.keep", "classification.iterations", "cluster.bucketMegabytes",
        "cluster.gradientExchange", "cluster.mixedInstructionSets", "cluster.reportEvery", "cluster.stallSeconds",
        "data.cacheMegabytes", "data.pack", "data.root", "name", "segmentation.iterations", "threads", "verify.every",
      ])
  }

  @Test("Different spellings of the same number are equal.") func equalNumbers() throws {
    let one = try Configuration(
      yaml: Self.least, settings: ["segmentation.weightDecay=0.00003125", "network.width=1", "seed=+5"])
    let other = try Configuration(
      yaml: Self.least, settings: ["segmentation.weightDecay=3.125e-5", "network.width=1.0", "seed=5"])
    #expect(one.difference(from: other) == nil)
  }

  @Test("Seeds that are equal as Double, and texts that look like equal numbers, differ.") func unequalTexts() throws {
    func difference(_ a: String, _ b: String) throws -> String? {
      try Configuration(yaml: Self.least, settings: [a]).difference(
        from: Configuration(yaml: Self.least, settings: [b]))?.key
    }
    #expect(try difference("seed=9007199254740993", "seed=9007199254740992") == "seed")
    #expect(try difference("data.imageLabelList=1.0", "data.imageLabelList=1") == "data.imageLabelList")
  }

  // MARK: Files beside the code

  static func files(_ folder: String) throws -> [String] {
    let root = repository.appendingPathComponent(folder).path
    return try FileManager.default.subpathsOfDirectory(atPath: root).filter { $0.hasSuffix(".yaml") }.sorted().map {
      "\(root)/\($0)"
    }
  }

  @Test("Every file in Configs resolves, uses current names and is named after its run.") func configs() throws {
    let files = try Self.files("Configs")
    #expect(files.count >= 8)
    for file in files {
      let configuration = try Configuration(file: file)
      #expect(try Configuration(yaml: configuration.yaml) == configuration, "\(file)")
      #expect(configuration.formerNamesNotice == nil, "\(file)")
      #expect(file.hasSuffix("/\(configuration.name).yaml"), "\(file) is called \(configuration.name)")
    }
  }

  /// docs/reference.md section 3: solver.prototxt and *_anno.prototxt of the authors.
  @Test(
    "The files in Configs/voc12 hold the authors' values.",
    arguments: [
      ("5", 5, 5500, 4000), ("10", 10, 7500, 10_000), ("25", 25, 15_000, 10_000), ("full", 0, 17_500, 10_000),
    ])
  func voc12(name: String, perClass: Int, iterations: Int, step: Int) throws {
    let file = Self.repository.appendingPathComponent("Configs/voc12/decouplednet-\(name).yaml").path
    let configuration = try Configuration(file: file)
    #expect(configuration.shape == NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false))
    #expect(configuration.initialization == .gaussian)
    #expect(configuration.masksPerClass == perClass && !configuration.imageLabelsFromMaskedOnly)
    #expect(configuration.shards == 16 && configuration.shardSize == 4)
    #expect(configuration.calibrationShards == 101)
    let segmentation = configuration.settings(of: "segmentation")
    #expect(segmentation.iterations == iterations && segmentation.rateStep == step)
    #expect(segmentation.rateBase == 0.01 && segmentation.rateGamma == 0.1)
    #expect(segmentation.momentum == 0.9 && segmentation.dropout == 0)
    #expect(segmentation.weightDecay == Float(0.0005 / 16))
    let classification = configuration.settings(of: "classification")
    #expect(classification.iterations == 5500 && classification.rateBase == 0.001 && classification.rateStep == 2000)
    #expect(classification.momentum == 0.9 && classification.dropout == 0.5)
    #expect(classification.weightDecay == Float(0.0005 / 16))
    #expect(configuration.scoreRateMultipliers == ["classification": 10])
    #expect(
      configuration.imageLabelList == "ImageSets/Segmentation/train_aug.txt"
        && configuration.maskList == configuration.imageLabelList)
  }

  @Test("The tables in docs/configuration.md and --help agree with the list of keys.") func documentation() throws {
    let text = try String(contentsOf: Self.repository.appendingPathComponent("docs/configuration.md"), encoding: .utf8)
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
      .map {
        $0.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
      }
      .filter { $0.count == 7 }
    let documented = rows.map { row in
      (
        path: row[1].trimmingCharacters(in: ["`"]), defaultValue: row[2].trimmingCharacters(in: ["`"]), range: row[3],
        free: row[4]
      )
    }
    let keys = try Configuration(yaml: Self.least).keys
    #expect(documented.map(\.path) == keys.map(\.path))
    for (key, row) in zip(keys, documented) where key.path == row.path {
      let defaultValue = key.defaultValue.map { $0.isEmpty ? "none" : $0 } ?? "required"
      #expect(row.defaultValue == defaultValue, "\(key.path)")
      #expect((row.free == "yes") == key.isFree, "\(key.path)")
      // The wording may differ from `range`, the numbers must not.
      let figures: [String] =
        switch key.kind {
        case .text, .flag: []
        case .choice(let names): names
        case .integer(let range):
          range.upperBound == .max ? ["\(range.lowerBound)"] : ["\(range.lowerBound)", "\(range.upperBound)"]
        case .multiple(let range, let step): ["\(step)", "\(range.lowerBound)", "\(range.upperBound)"]
        case .number(let range):
          [range.lowerBound, range.upperBound].filter(\.isFinite).map { $0 == $0.rounded() ? "\(Int($0))" : "\($0)" }
        }
      for figure in figures { #expect(row.range.contains(figure), "\(key.path): \(figure) is not in \(row.range)") }
    }
    for key in keys {
      #expect(ConfigurationKey.table.contains("  \(key.path)  ("), "\(key.path) is not in --help")
    }
    let formerNames = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: [" ", "`"]) } }.filter { $0.count == 2 }
    for key in keys {
      for name in key.formerNames {
        let path = key.path.replacing("classification.", with: "PHASE.").replacing("segmentation.", with: "PHASE.")
        let former = name.replacing("classification.", with: "PHASE.").replacing("segmentation.", with: "PHASE.")
        #expect(formerNames.contains([former, path]), "\(name) is not among the documented former names")
      }
    }
  }
}
