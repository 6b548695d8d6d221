// The configuration: what a file and --set make of it, what is refused and in which words, and that the files in Configs and
// the table in docs say the same as the code.
import Foundation
import Networks
import Testing
import Training

@Suite struct ConfigurationTests {
  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let least = "data: {root: /data}"

  func error(_ yaml: String, _ settings: [String] = []) -> ConfigurationError? {
    do {
      _ = try Configuration(yaml: yaml, settings: settings)
      return nil
    } catch { return error as? ConfigurationError }
  }

  // MARK: Values

  @Test func defaultsStandWhereTheFileIsSilent() throws {
    let configuration = try Configuration(yaml: Self.least)
    #expect(configuration.values.count == ConfigurationKey.all.count)
    for key in ConfigurationKey.all where key.path != "data.root" {
      #expect(configuration.values[key.path] == key.fallback, "\(key.path)")
      #expect(key.fallback.map(key.kind.accepts) == true, "\(key.path): its default is out of range")
      #expect(!key.summary.isEmpty)
    }
    #expect(configuration.dataRoot == "/data")
    #expect(configuration.shape == NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false))
    #expect(configuration.shards == 16 && configuration.shardSize == 4 && configuration.seed == 1)
    #expect(configuration.cacheBytes == 128 << 20)
    #expect(configuration.initialization == .gaussian)
    #expect(configuration.settings(of: .segmentation).rateBase == 0.01)
    #expect(configuration.settings(of: .classification).dropout == 0.5)
  }

  @Test func settingsWinOverTheFile() throws {
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
        "data.weakFromStrong=true",
      ])
    #expect(configuration.shape.width == 0.5 && configuration.shape.classes == 5)
    #expect(configuration.settings(of: .classification).rateBase == 0.125)
    // Everything after the first equals sign is the value; the last setting counts.
    #expect(configuration.name == "a=b" && configuration.seed == 8 && configuration.weakFromStrong)
    let settings = configuration.settings(of: .classification)
    #expect(settings.iterations == 5500 && settings.rateStep == 2000 && settings.rateFactor == 0.1)
    #expect(settings.momentum == 0.9 && settings.weightDecay == 0.0005)
  }

  @Test(arguments: ["noequals", "=3", ""]) func aSettingNeedsAnEqualsSign(text: String) {
    #expect(error(Self.least, [text]) == .badSetting(text))
    #expect(error(Self.least, [text])?.description.contains("key.path=value") == true)
  }

  @Test func theResolvedFileGivesTheSameValues() throws {
    let awkward = [
      "name=it's 5: a #test, {x} [y] & *z \"quoted\" \\n", "data.root=/path with space/ü",
      "data.weakList=list\twith\ttabs\nand lines",
      "data.strongList=", "network.width=0.0625", "network.batchNormalization=true", "network.initialization=he",
      "seed=9223372036854775807", "segmentation.weightDecay=3.125e-5", "classification.dropout=0.0", "threads=+3",
    ]
    for settings in [[], awkward, ["name=yes", "data.root=null"], ["name= padded ", "data.root=~"]] {
      let configuration = try Configuration(yaml: Self.least, settings: settings)
      let again = try Configuration(yaml: configuration.yaml)
      #expect(again == configuration)
      #expect(again.yaml == configuration.yaml)
    }
    // Keys stand once, under their groups.
    let lines = try Configuration(yaml: Self.least).yaml.split(separator: "\n").map(String.init)
    #expect(lines.count { $0.hasPrefix("classification:") } == 1)
    #expect(lines.contains("  learningRate:") && lines.contains("    base: 0.001"))
  }

  // MARK: What is refused

  @Test(arguments: [
    ("networc.width", "network.width"), ("network.inputsize", "network.inputSize"), ("widht", "seed"),
    ("thread", "threads"),
    ("segmentation.learning_rate.base", "segmentation.learningRate.base"), ("checkpoint.evry", "checkpoint.every"),
    ("data.strongperclass", "data.strongPerClass"), ("minibatch.shard", "minibatch.shards"),
  ])
  func anUnknownKeyNamesTheNearest(key: String, nearest: String) throws {
    let found = try #require(error(Self.least, ["\(key)=1"]))
    guard case .unknownKey(key, let suggestion) = found else {
      Issue.record("\(found)")
      return
    }
    // For a word that is far from all keys any of them will do.
    if key != "widht" { #expect(suggestion == nearest) }
    #expect(ConfigurationKey.named(suggestion) != nil)
    #expect(found.description.contains(key) && found.description.contains(suggestion))
  }

  @Test func unknownKeysInTheFileAreFoundToo() {
    #expect(error("data: {root: /data}\nnetwork: {wdth: 1}") == .unknownKey("network.wdth", nearest: "network.width"))
    #expect(error("data: {root: /data}\nseeds: 1") == .unknownKey("seeds", nearest: "seed"))
    // A value where a group is wanted, and a group where a value is wanted.
    if case .unknownKey("network", _) = error("data: {root: /data}\nnetwork: 1") {} else { Issue.record("network: 1") }
    if case .unknownKey("seed.x", "seed") = error("data: {root: /data}\nseed: {x: 1}") {
    } else {
      Issue.record("seed: {x: 1}")
    }
  }

  @Test(arguments: [
    ("network.model", "vgg"), ("network.initialization", "He"), ("network.initialization", ""),  // choices
    ("seed", "-1"), ("seed", "1.5"), ("seed", "one"), ("seed", ""), ("seed", "9223372036854775808"),  // integers
    ("minibatch.shards", "0"), ("minibatch.shards", "65537"), ("statistics.shards", "0"), ("checkpoint.keep", "0"),
    ("network.classes", "0"), ("network.classes", "21"), ("minibatch.shardSize", "1e1"),
    ("network.inputSize", "0"), ("network.inputSize", "100"), ("network.inputSize", "2080"),
    ("network.inputSize", "-32"),  // multiples
    ("network.width", "0"), ("network.width", "4.5"), ("network.width", "wide"), ("network.width", "nan"),  // numbers
    ("classification.learningRate.base", "-0.1"), ("classification.learningRate.base", "inf"),
    ("classification.momentum", "1"),
    ("classification.dropout", "1"), ("segmentation.dropout", "0.5"), ("segmentation.learningRate.factor", "1.1"),
    ("network.batchNormalization", "yes"), ("network.batchNormalization", "True"), ("data.weakFromStrong", "1"),  // flags
  ])
  func valuesOutOfRangeAreRefused(key: String, value: String) throws {
    let kind = try #require(ConfigurationKey.named(key)).kind
    let found = try #require(error(Self.least, ["\(key)=\(value)"]))
    #expect(found == .outOfRange(key: key, value: value, range: kind.range))
    #expect(found.description.contains(key) && found.description.contains(kind.range))
  }

  @Test(arguments: [
    ("network.inputSize", "32"), ("network.inputSize", "2048"), ("network.width", "0.01"), ("network.width", "4"),
    ("network.classes", "1"), ("network.classes", "20"), ("seed", "0"), ("classification.dropout", "0.99"),
    ("classification.momentum", "0"), ("segmentation.dropout", "0.0"), ("classification.iterations", "0"),
    ("network.width", "1e-1"), ("minibatch.shards", "65536"),
  ])
  func theEndsOfARangeBelongToIt(key: String, value: String) throws {
    #expect(try Configuration(yaml: Self.least, settings: ["\(key)=\(value)"]).values[key] == value)
  }

  @Test func rangesAreSaidInWords() {
    #expect(ConfigurationKind.text.range == "text")
    #expect(ConfigurationKind.choice(["a", "b"]).range == "a | b")
    #expect(ConfigurationKind.integer(1...9).range == "an integer 1...9")
    #expect(ConfigurationKind.integer(2...Int.max).range == "an integer of at least 2")
    #expect(ConfigurationKind.multiple(32...64, of: 32).range == "a multiple of 32, 32...64")
    #expect(ConfigurationKind.number(0...0.5).range == "a number 0.0...0.5")
    #expect(ConfigurationKind.number(0...Double.infinity).range == "a number of at least 0.0")
    #expect(ConfigurationKind.flag.range == "true | false")
  }

  @Test func listsAndBrokenFilesAreRefused() {
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

  /// YAML's own way to say a value once is followed, not refused: it is resolved before keys are looked at.
  @Test func anAliasIsTheValueItStandsFor() throws {
    let yaml = "data: {root: /data}\nclassification: {iterations: &n 70}\nsegmentation: {iterations: *n}"
    #expect(try Configuration(yaml: yaml).settings(of: .segmentation).iterations == 70)
  }

  // MARK: Comparing

  @Test func onlyValuesThatMatterDiffer() throws {
    let one = try Configuration(yaml: Self.least)
    for key in ConfigurationKey.all {
      let value: String? =
        switch key.kind {
        case .text: "other"
        case .choice(let names): names.first { $0 != key.fallback }
        case .integer(let range): "\(range.contains(7) ? 7 : range.lowerBound)"
        case .multiple(let range, _): "\(range.lowerBound)"
        case .number(let range): range.contains(0.25) ? "0.25" : nil
        case .flag: "true"
        }
      guard let value else { continue }  // network.model and data.proposals have one choice, segmentation.dropout one value
      let other = try Configuration(yaml: Self.least, settings: ["\(key.path)=\(value)"])
      let difference = one.difference(from: other)
      if Configuration.freeKeys.contains(key.path) {
        #expect(difference == nil, "\(key.path)")
      } else {
        #expect(difference?.key == key.path && difference?.there == value, "\(key.path)")
        #expect(other.difference(from: one)?.here == value)
      }
    }
    for key in Configuration.freeKeys { #expect(ConfigurationKey.named(key) != nil, "\(key) is no key") }
  }

  @Test func theSameNumberInOtherWordsIsNoDifference() throws {
    let one = try Configuration(
      yaml: Self.least, settings: ["segmentation.weightDecay=0.00003125", "network.width=1", "seed=+5"])
    let other = try Configuration(
      yaml: Self.least, settings: ["segmentation.weightDecay=3.125e-5", "network.width=1.0", "seed=5"])
    #expect(one.difference(from: other) == nil)
  }

  /// Two seeds that are one as a Double, and lists whose names look like one number.
  @Test func differentWordsAreNotTakenForTheSameNumber() throws {
    func difference(_ a: String, _ b: String) throws -> String? {
      try Configuration(yaml: Self.least, settings: [a]).difference(
        from: Configuration(yaml: Self.least, settings: [b]))?.key
    }
    #expect(try difference("seed=9007199254740993", "seed=9007199254740992") == "seed")
    #expect(try difference("data.weakList=1.0", "data.weakList=1") == "data.weakList")
  }

  // MARK: Files beside the code

  static func files(_ folder: String) throws -> [String] {
    let root = repository.appendingPathComponent(folder).path
    return try FileManager.default.subpathsOfDirectory(atPath: root).filter { $0.hasSuffix(".yaml") }.sorted().map {
      "\(root)/\($0)"
    }
  }

  @Test func everyFileInConfigsResolves() throws {
    let files = try Self.files("Configs")
    #expect(files.count >= 8)
    for file in files {
      let configuration = try Configuration(file: file)
      #expect(try Configuration(yaml: configuration.yaml) == configuration, "\(file)")
      #expect(file.hasSuffix("/\(configuration.name).yaml"), "\(file) is called \(configuration.name)")
    }
  }

  /// docs/reference.md section 3: solver.prototxt and *_anno.prototxt of the authors.
  @Test(arguments: [
    ("5", 5, 5500, 4000), ("10", 10, 7500, 10_000), ("25", 25, 15_000, 10_000), ("full", 0, 17_500, 10_000),
  ])
  func voc12FilesSayWhatTheAuthorsDid(name: String, perClass: Int, iterations: Int, step: Int) throws {
    let file = Self.repository.appendingPathComponent("Configs/voc12/decouplednet-\(name).yaml").path
    let configuration = try Configuration(file: file)
    #expect(configuration.shape == NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false))
    #expect(configuration.initialization == .gaussian)
    #expect(configuration.strongPerClass == perClass && !configuration.weakFromStrong)
    #expect(configuration.shards == 16 && configuration.shardSize == 4)
    #expect(configuration.statisticsShards == 101)
    let segmentation = configuration.settings(of: .segmentation)
    #expect(segmentation.iterations == iterations && segmentation.rateStep == step)
    #expect(segmentation.rateBase == 0.01 && segmentation.rateFactor == 0.1)
    #expect(segmentation.momentum == 0.9 && segmentation.dropout == 0)
    #expect(segmentation.weightDecay == Float(0.0005 / 16))
    let classification = configuration.settings(of: .classification)
    #expect(classification.iterations == 5500 && classification.rateBase == 0.001 && classification.rateStep == 2000)
    #expect(classification.momentum == 0.9 && classification.dropout == 0.5)
    #expect(classification.weightDecay == Float(0.0005 / 16))
    #expect(configuration.scoreRateMultiplier == 10)
    #expect(
      configuration.weakList == "ImageSets/Segmentation/train_aug.txt"
        && configuration.strongList == configuration.weakList)
  }

  @Test func theDocumentedTableIsTheCodes() throws {
    let text = try String(contentsOf: Self.repository.appendingPathComponent("docs/configuration.md"), encoding: .utf8)
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
      .map {
        $0.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
      }
      .filter { $0.count == 7 }
    let documented = rows.map { row in
      (
        path: row[1].trimmingCharacters(in: ["`"]), fallback: row[2].trimmingCharacters(in: ["`"]), range: row[3],
        free: row[4]
      )
    }
    #expect(documented.map(\.path) == ConfigurationKey.all.map(\.path))
    for (key, row) in zip(ConfigurationKey.all, documented) where key.path == row.path {
      let fallback = key.fallback.map { $0.isEmpty ? "none" : $0 } ?? "required"
      #expect(row.fallback == fallback, "\(key.path)")
      #expect((row.free == "yes") == Configuration.freeKeys.contains(key.path), "\(key.path)")
      // The words differ from `range`'s, the figures may not.
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
    for key in ConfigurationKey.all {
      #expect(ConfigurationKey.table.contains("  \(key.path)  ("), "\(key.path) is not in --help")
    }
  }
}
