// The resolved configuration of a run: a YAML file, changed by `--set key.path=value`, checked key by key.
import Cluster
import Compute
import Foundation
import Images
import Networks
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

  package var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "cannot read the configuration \(file): \(reason); check the path, which is relative to where dnet-train is started"
    case .notYAML(let file, let reason): "\(file) is no configuration in YAML: \(reason)"
    case .unknownKey(let key, let nearest):
      "unknown configuration key \(key): did you mean \(nearest)? dnet-train --help lists all"
    case .notAKey(let key, let found):
      "\(key) is \(found) where a single value is wanted; dnet-train --help lists all keys"
    case .outOfRange(let key, let value, let range): "\(key) is \(value): it takes \(range)"
    case .missing(let key, let summary): "\(key) is missing: set it in the file or with --set \(key)=... (\(summary))"
    case .badSetting(let text): "--set \(text): write key.path=value"
    }
  }
}

/// All values of a run, each present and in its range.
package struct Configuration: Sendable, Equatable {
  /// Key path -> value as text, for every known key.
  package private(set) var values: [String: String]

  /// Reads a YAML file and applies settings of the form `key.path=value`.
  package init(file: String, settings: [String] = []) throws {
    let text: String
    do { text = String(decoding: try FileBytes.read(file), as: UTF8.self) } catch {
      throw ConfigurationError.unreadable(file: file, reason: error.reason)
    }
    try self.init(yaml: text, name: file, settings: settings)
  }

  package init(yaml text: String, name: String = "the configuration", settings: [String] = []) throws {
    var given: [String: String] = [:]
    do {
      if let node = try Yams.compose(yaml: text) {
        guard case .mapping = node else {
          throw ConfigurationError.notYAML(file: name, reason: "it holds no keys, such as seed: 1")
        }
        try Self.flatten(node, at: "", into: &given)
      }
    } catch let error as YamlError {
      throw ConfigurationError.notYAML(file: name, reason: "\(error)")
    }
    for setting in settings {
      guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
        throw ConfigurationError.badSetting(setting)
      }
      given[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
    }
    values = [:]
    for key in given.keys.sorted() where ConfigurationKey.named(key) == nil {
      throw ConfigurationError.unknownKey(key, nearest: ConfigurationKey.nearest(to: key))
    }
    for key in ConfigurationKey.all {
      guard let value = given[key.path] ?? key.fallback else {
        throw ConfigurationError.missing(key: key.path, summary: key.summary)
      }
      guard key.kind.accepts(value) else {
        throw ConfigurationError.outOfRange(key: key.path, value: value, range: key.kind.range)
      }
      values[key.path] = value
    }
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

  /// The resolved configuration as YAML that `dnet-train` reads back to the same values.
  package var yaml: String {
    var lines: [String] = []
    var open: [String] = []
    for key in ConfigurationKey.all {
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
    // YAML folds line ends in single quotes; only double quotes keep them, as escapes.
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

  // MARK: Typed values. Every key was checked when the configuration was made.

  private func integer(_ key: String) -> Int { Int(values[key]!)! }
  private func number(_ key: String) -> Double { Double(values[key]!)! }
  private func flag(_ key: String) -> Bool { values[key] == "true" }

  package var name: String { values["name"]! }
  package var seed: UInt64 { UInt64(integer("seed")) }
  package var shape: NetworkShape {
    NetworkShape(
      width: number("network.width"), inputSize: integer("network.inputSize"), classes: integer("network.classes"),
      batchNormalization: flag("network.batchNormalization"))
  }
  package var initialization: Initialization { Initialization(rawValue: values["network.initialization"]!)! }
  package var convolution: ConvolutionAlgorithm { ConvolutionAlgorithm(rawValue: values["network.convolution"]!)! }
  package var dataRoot: String { values["data.root"]! }
  package var weakList: String { values["data.weakList"]! }
  package var strongList: String { values["data.strongList"]! }
  package var strongPerClass: Int { integer("data.strongPerClass") }
  /// Empty for none.
  package var pack: String { values["data.pack"]! }
  package var proposals: String { values["data.proposals"]! }
  package var cropsPerCombination: Int { integer("data.cropsPerCombination") }
  package var weakFromStrong: Bool { flag("data.weakFromStrong") }
  package var cacheBytes: Int { integer("data.cacheMegabytes") << 20 }
  package var shards: Int { integer("minibatch.shards") }
  package var shardSize: Int { integer("minibatch.shardSize") }
  package var scoreRateMultiplier: Float { Float(number("classification.scoreRateMultiplier")) }
  package var statisticsShards: Int { integer("statistics.shards") }
  package var checkpointEvery: Int { integer("checkpoint.every") }
  package var checkpointsKept: Int { integer("checkpoint.keep") }
  package var threads: Int { integer("threads") }
  /// Floats of a bucket of gradients, at most.
  package var bucketFloats: Int { max(Int(number("cluster.bucketMegabytes") * 1_048_576) / 4, 16) }
  /// nil for the choice of each layer by its sizes.
  package var gradientExchange: GradientExchange? { GradientExchange(rawValue: values["cluster.factors"]!) }
  /// 0 for no watch.
  package var stallSeconds: Double { number("cluster.stallSeconds") }
  /// 0 for no verification log.
  package var verifyEvery: Int { integer("verify.every") }
  package var reportEvery: Int { integer("cluster.reportEvery") }

  /// The values of one phase.
  package struct PhaseSettings: Sendable {
    package let iterations: Int
    package let rateBase: Double
    package let rateStep: Int
    package let rateFactor: Double
    package let momentum: Float
    package let weightDecay: Float
    package let dropout: Float
  }

  package func settings(of phase: Phase) -> PhaseSettings {
    let prefix = phase.rawValue
    return PhaseSettings(
      iterations: integer("\(prefix).iterations"), rateBase: number("\(prefix).learningRate.base"),
      rateStep: integer("\(prefix).learningRate.step"), rateFactor: number("\(prefix).learningRate.factor"),
      momentum: Float(number("\(prefix).momentum")), weightDecay: Float(number("\(prefix).weightDecay")),
      dropout: Float(number("\(prefix).dropout")))
  }

  /// Keys that may differ between a checkpoint and the run that resumes from it: none of them changes a weight that was
  /// already learned.
  package static let freeKeys: Set<String> = [
    "name", "data.root", "data.pack", "data.cacheMegabytes", "classification.iterations", "segmentation.iterations",
    "checkpoint.every", "checkpoint.keep", "threads", "cluster.bucketMegabytes", "cluster.factors",
    "cluster.stallSeconds",
    "cluster.reportEvery", "verify.every", "cluster.mixedInstructionSets",
  ]

  /// The first key, in the order of the list, whose value matters and differs.
  package func difference(
    from other: Configuration, except: Set<String> = []
  ) -> (key: String, here: String, there: String)? {
    differences(from: other).first { !except.contains($0.key) }
  }

  /// All keys, in the order of the list, whose values matter and differ.
  package func differences(from other: Configuration) -> [(key: String, here: String, there: String)] {
    ConfigurationKey.all.filter { !Self.freeKeys.contains($0.path) }.compactMap { key in
      let (here, there) = (values[key.path]!, other.values[key.path]!)
      return key.kind.equal(here, there) ? nil : (key.path, here, there)
    }
  }
}

/// The two phases of training, in their order.
package enum Phase: String, Sendable, CaseIterable {
  case classification
  case segmentation

  /// The phase's word in the names of random streams.
  package var stream: UInt64 { self == .classification ? 1 : 2 }
}
