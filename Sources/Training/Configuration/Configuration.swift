// The resolved configuration of a run: a YAML file, changed by `--set key.path=value` and checked key by key.
import Cluster
import Compute
import Foundation
import Images
import Models
import Support
import Yams

package enum ConfigurationError: Error, Equatable, CustomStringConvertible {
  case unreadable(file: String, reason: String)
  case notYAML(file: String, reason: String)
  case unknownKey(String, nearest: String)
  case notAKey(String, found: String)
  case outOfRange(key: String, value: String, range: String)
  case missing(key: String, summary: String)
  case badSetting(String)
  /// One key under two of its spellings.
  case setTwice(key: String, value: String, formerName: String, formerValue: String)

  package var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "cannot read the configuration \(file): \(reason); check the path, which is relative to the current directory"
    case .notYAML(let file, let reason): "\(file) is not a configuration in YAML: \(reason)"
    case .unknownKey(let key, let nearest):
      "unknown configuration key \(key): did you mean \(nearest)? dnet-train --help lists all keys"
    case .notAKey(let key, let found):
      "\(key) is \(found), but a single value is required; dnet-train --help lists all keys"
    case .outOfRange(let key, let value, let range): "\(key) is \(value): it takes \(range)"
    case .missing(let key, let summary):
      "\(key) is missing: set it in the file or with --set \(key)=... (\(summary))"
    case .badSetting(let text): "--set \(text): write key.path=value"
    case .setTwice(let key, let value, let formerName, let formerValue):
      "\(key) is \(value), and \(formerName), a former name of the same key, is \(formerValue): keep one, under the "
        + "name \(key)"
    }
  }
}

/// The values of a run: every key of its model is present and in range.
package struct Configuration: Sendable, Equatable {
  /// The model that `network.model` names.
  package let modelType: any Model.Type
  /// The keys of this configuration's model, in the order of the resolved file.
  package let keys: [ConfigurationKey]
  /// Key path -> value as text, for every key.
  package private(set) var values: [String: String] = [:]
  /// The former spellings that were read, with the current name of each key.
  private var formerSpellings: [(formerName: String, path: String)] = []

  /// Reads a YAML file and applies settings of the form `key.path=value`.
  package init(file: String, settings: [String] = []) throws {
    let text: String
    do { text = String(decoding: try FileBytes.read(file), as: UTF8.self) } catch {
      throw ConfigurationError.unreadable(file: file, reason: error.reason)
    }
    try self.init(yaml: text, name: file, settings: settings)
  }

  /// Reads YAML text and applies settings. The model comes first, because its phases define the other keys.
  package init(yaml text: String, name: String = "the configuration", settings: [String] = []) throws {
    let fileValues = try Self.read(yaml: text, name: name)
    var settingValues: [String: String] = [:]
    for setting in settings {
      guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
        throw ConfigurationError.badSetting(setting)
      }
      settingValues[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
    }

    let modelKey = ConfigurationKey.model
    let modelName = settingValues[modelKey.path] ?? fileValues[modelKey.path] ?? modelKey.defaultValue!
    guard let model = ModelRegistry.model(named: modelName) else {
      throw ConfigurationError.outOfRange(key: modelKey.path, value: modelName, range: modelKey.kind.range)
    }
    modelType = model
    keys = ConfigurationKey.all(for: model.phases)

    let spellings = Set(keys.flatMap { [$0.path] + $0.formerNames })
    for spelling in Set(fileValues.keys).union(settingValues.keys).sorted() where !spellings.contains(spelling) {
      throw ConfigurationError.unknownKey(spelling, nearest: ConfigurationKey.nearest(to: spelling, among: keys))
    }
    for key in keys {
      let inFile = try Self.value(of: key, in: fileValues)
      let inSettings = try Self.value(of: key, in: settingValues)
      guard let value = inSettings?.value ?? inFile?.value ?? key.defaultValue else {
        throw ConfigurationError.missing(key: key.path, summary: key.summary)
      }
      guard key.kind.accepts(value) else {
        throw ConfigurationError.outOfRange(key: key.path, value: value, range: key.kind.range)
      }
      values[key.path] = value
      if let former = [inFile, inSettings].compactMap({ $0?.spelling }).first(where: { $0 != key.path }) {
        formerSpellings.append((former, key.path))
      }
    }
  }

  package static func == (a: Configuration, b: Configuration) -> Bool { a.values == b.values }

  /// A notice that names the keys that were read under former spellings; nil if there are none.
  package var formerNamesNotice: String? {
    guard !formerSpellings.isEmpty else { return nil }
    let names = formerSpellings.map { "\($0.formerName) is now \($0.path)" }.joined(separator: ", ")
    return "note: the configuration uses former names of keys: \(names). They stay valid; docs/configuration.md lists "
      + "them"
  }

  // MARK: Reading

  /// Returns the values of a YAML file by key path as it is spelled there.
  private static func read(yaml text: String, name: String) throws -> [String: String] {
    var values: [String: String] = [:]
    do {
      guard let node = try Yams.compose(yaml: text) else { return [:] }
      guard case .mapping = node else {
        throw ConfigurationError.notYAML(file: name, reason: "it holds no keys, such as seed: 1")
      }
      try flatten(node, at: "", into: &values)
    } catch let error as YamlError {
      throw ConfigurationError.notYAML(file: name, reason: "\(error)")
    }
    return values
  }

  /// Returns a key's value with the spelling under which it is given; nil if it is not given.
  private static func value(
    of key: ConfigurationKey, in values: [String: String]
  ) throws -> (spelling: String, value: String)? {
    let given = ([key.path] + key.formerNames).compactMap { spelling in
      values[spelling].map { (spelling: spelling, value: $0) }
    }
    if given.count > 1 {
      throw ConfigurationError.setTwice(
        key: key.path, value: given[0].value, formerName: given[1].spelling, formerValue: given[1].value)
    }
    return given.first
  }

  private static func flatten(_ node: Node, at path: String, into values: inout [String: String]) throws {
    switch node {
    case .mapping(let mapping):
      for (key, value) in mapping {
        let name = key.string ?? ""
        try flatten(value, at: path.isEmpty ? name : "\(path).\(name)", into: &values)
      }
    case .scalar(let scalar): values[path] = scalar.string
    case .sequence: throw ConfigurationError.notAKey(path, found: "a list")
    case .alias: throw ConfigurationError.notAKey(path, found: "an alias")
    }
  }

  // MARK: Writing

  /// The resolved configuration as YAML, which reads back to the same values.
  package var yaml: String {
    var lines: [String] = []
    var open: [String] = []
    for key in keys {
      let parts = key.path.split(separator: ".").map(String.init)
      let groups = Array(parts.dropLast())
      let common = zip(open, groups).prefix { $0 == $1 }.count
      for depth in common..<groups.count { lines.append(String(repeating: "  ", count: depth) + "\(groups[depth]):") }
      open = groups
      lines.append(String(repeating: "  ", count: groups.count) + "\(parts.last!): \(quoted(key, values[key.path]!))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func quoted(_ key: ConfigurationKey, _ value: String) -> String {
    guard case .text = key.kind else { return value }
    // YAML folds line breaks inside single quotes; only double quotes preserve them, as escapes.
    let special: (Unicode.Scalar) -> Bool = {
      $0.properties.generalCategory == .control || $0 == "\u{2028}" || $0 == "\u{2029}"
    }
    guard value.unicodeScalars.contains(where: special) else { return "'" + value.replacing("'", with: "''") + "'" }
    let escaped = value.unicodeScalars.map { scalar in
      if special(scalar) { return "\\u" + String(0x10000 + scalar.value, radix: 16).dropFirst() }
      return scalar == "\\" || scalar == "\"" ? "\\\(scalar)" : "\(scalar)"
    }
    return "\"" + escaped.joined() + "\""
  }

  // MARK: Typed values. Every value was checked when the configuration was read.

  private func integer(_ key: String) -> Int { Int(values[key]!)! }
  private func number(_ key: String) -> Double { Double(values[key]!)! }
  private func flag(_ key: String) -> Bool { values[key] == "true" }

  package var name: String { values["name"]! }
  package var seed: UInt64 { UInt64(integer("seed")) }
  /// The phases of the model, in their order.
  package var phases: [PhaseSpec] { modelType.phases }
  /// Makes a model of the configured shape, not initialized.
  package func makeModel() -> any Model {
    modelType.init(shape, options: ModelOptions(scoreRateMultipliers: scoreRateMultipliers))
  }
  package var shape: NetworkShape {
    NetworkShape(
      width: number("network.width"), inputSize: integer("network.inputSize"), classes: integer("network.classes"),
      batchNormalization: flag("network.batchNormalization"))
  }
  package var initialization: Initialization { Initialization(rawValue: values["network.initialization"]!)! }
  package var convolution: ConvolutionAlgorithm { ConvolutionAlgorithm(rawValue: values["network.convolution"]!)! }
  package var dataRoot: String { values["data.root"]! }
  package var imageLabelList: String { values["data.imageLabelList"]! }
  package var maskList: String { values["data.maskList"]! }
  package var masksPerClass: Int { integer("data.masksPerClass") }
  package var imageLabelsFromMaskedOnly: Bool { flag("data.imageLabelsFromMaskedOnly") }
  /// Empty for none.
  package var pack: String { values["data.pack"]! }
  package var proposals: String { values["data.proposals"]! }
  package var cropsPerCombination: Int { integer("data.cropsPerCombination") }
  package var cacheBytes: Int { integer("data.cacheMegabytes") << 20 }
  package var shards: Int { integer("minibatch.shards") }
  package var shardSize: Int { integer("minibatch.shardSize") }
  /// The learning-rate multipliers of score layers, by the name of the phase that trains them.
  package var scoreRateMultipliers: [String: Float] {
    let names = phases.filter { $0.defaults.scoreRateMultiplier != nil }.map(\.name)
    return Dictionary(uniqueKeysWithValues: names.map { ($0, Float(number("\($0).scoreRateMultiplier"))) })
  }
  package var calibrationShards: Int { integer("batchNormalization.calibrationShards") }
  package var checkpointEvery: Int { integer("checkpoint.every") }
  package var checkpointsKept: Int { integer("checkpoint.keep") }
  package var threads: Int { integer("threads") }
  /// The largest number of floats in a bucket of gradients.
  package var bucketFloats: Int { max(Int(number("cluster.bucketMegabytes") * 1_048_576) / 4, 16) }
  /// nil if each layer chooses by its sizes.
  package var gradientExchange: GradientExchange? {
    GradientExchange(rawValue: values["cluster.gradientExchange"]!)
  }
  /// 0 for no limit.
  package var stallSeconds: Double { number("cluster.stallSeconds") }
  /// 0 for no verification log.
  package var verifyEvery: Int { integer("verify.every") }
  package var reportEvery: Int { integer("cluster.reportEvery") }

  /// The values of one phase.
  package struct PhaseSettings: Sendable {
    package let iterations: Int
    package let rateBase: Double
    package let rateStep: Int
    package let rateGamma: Double
    package let momentum: Float
    package let weightDecay: Float
    package let dropout: Float
  }

  /// Returns the values of one of the model's phases.
  package func settings(of phaseName: String) -> PhaseSettings {
    PhaseSettings(
      iterations: integer("\(phaseName).iterations"), rateBase: number("\(phaseName).learningRate.base"),
      rateStep: integer("\(phaseName).learningRate.step"), rateGamma: number("\(phaseName).learningRate.gamma"),
      momentum: Float(number("\(phaseName).momentum")), weightDecay: Float(number("\(phaseName).weightDecay")),
      dropout: Float(number("\(phaseName).dropout")))
  }

  package func settings(of phase: PhaseSpec) -> PhaseSettings { settings(of: phase.name) }

  // MARK: Comparison

  /// SHA-256 of the values of all keys that are not free. The verification chain contains it, so it depends on the
  /// identities of keys, not on their current names.
  package var fingerprint: String {
    SHA256.hex(
      of: keys.filter { !$0.isFree }.map { "\($0.identity)=\(values[$0.path]!)" }.joined(separator: "\n"))
  }

  /// The first key, in the order of the list, that is not free and whose values differ.
  package func difference(
    from other: Configuration, except: Set<String> = []
  ) -> (key: String, here: String, there: String)? {
    differences(from: other).first { !except.contains($0.key) }
  }

  /// All keys, in the order of the list, that are not free and whose values differ.
  package func differences(from other: Configuration) -> [(key: String, here: String, there: String)] {
    keys.filter { !$0.isFree }.compactMap { key in
      let here = values[key.path]!
      // The other configuration lacks the key if its model is another one.
      let there = other.values[key.path] ?? "not set"
      return key.kind.equal(here, there) ? nil : (key.path, here, there)
    }
  }
}
