// What a rank says of itself at the start, so that rank 0 can compare: where it runs, and what its weights depend on.
import CProcessor
import Cluster
import Compute
import Datasets
import Foundation
import Images
import Kernels
import Support

package struct StartupFacts: Codable, Sendable, Equatable {
  package var host = ""
  /// The cores that it may use, such as `0-3,8` (its affinity).
  package var cores = ""
  /// Those that mpirun may use on this host, which is what it can bind ranks to; `cores` where another launcher or none
  /// started the rank.
  package var launcherCores = ""
  package var threads = 1
  /// Whether the configuration leaves the number of threads to dnet.
  package var sharesCores = true
  /// MPI library and its thread level.
  package var mpi = ""
  /// What the program was compiled for: bits of CInstructionSet.
  package var instructions: UInt64 = 0
  /// Version of OpenBLAS and the kernels that it uses.
  package var blas = ""
  /// SHA-256 of the program.
  package var executable = ""
  /// Configuration and options that all ranks must share, key -> value.
  package var settings: [String: String] = [:]
  /// Lists or pack: key -> SHA-256, or why there is none.
  package var data: [String: String] = [:]
  /// The environment's word on how many tasks were started together, where it has one.
  package var tasks: StartedTasks?

  package init() {}

  package static func here(
    _ configuration: Configuration, _ options: TrainingOptions, _ communicator: Communicator, threads: Int
  ) -> StartupFacts {
    var facts = StartupFacts()
    facts.host = communicator.nodeName
    facts.cores = AvailableCores.list
    facts.launcherCores = launcherCores ?? facts.cores
    facts.threads = threads
    facts.sharesCores = configuration.threads == 0
    facts.mpi = "\(MPILibrary.version) \(MPILibrary.threadLevel)"
    facts.instructions = dnet_compiled()
    facts.blas = "\(BLAS.version) \(BLAS.coreName)"
    facts.settings = settings(configuration, options)
    facts.tasks = StartedTasks(ProcessInfo.processInfo.environment)
    // Read only where there is somebody to compare with.
    if communicator.size > 1 {
      facts.executable = programDigest
      facts.data = dataDigests(configuration)
    }
    return facts
  }

  /// Keys that may differ from rank to rank: a machine may have more cores, more memory, or its data elsewhere.
  private static let ownKeys = ["threads", "data.root", "data.cacheMegabytes"]

  private static func settings(_ configuration: Configuration, _ options: TrainingOptions) -> [String: String] {
    var settings = configuration.values.filter { !ownKeys.contains($0.key) }
    // A pack may lie elsewhere too.
    settings["data.pack"] = configuration.pack.isEmpty ? "none" : "a pack"
    settings["--phase"] = options.phases?.joined(separator: ", ") ?? "all"
    settings["--max-iterations"] = options.maxIterations.map(String.init) ?? "none"
    settings["--record-steps"] = "\(options.recordSteps)"
    settings["--trace"] = options.trace == nil ? "none" : "a file"
    return settings
  }

  /// The cores of the parent process, where that is mpirun or its daemon.
  private static var launcherCores: String? {
    let parent = Int(getppid())
    let name = (try? String(contentsOfFile: "/proc/\(parent)/comm", encoding: .utf8))?.trimmingCharacters(in: .newlines)
    guard let name, ["mpirun", "mpiexec", "orterun", "orted", "prterun", "prted"].contains(name) else { return nil }
    return AvailableCores.list(ofProcess: "\(parent)")
  }

  /// The names of what the program was compiled for.
  static var instructionSet: String {
    var (left, names) = (dnet_compiled(), [String]())
    while let name = dnet_first_name(left) {
      names.append(String(cString: name))
      left &= ~dnet_instruction(name)
    }
    return names.joined(separator: " ")
  }

  private static var programDigest: String {
    guard let file = FileHandle(forReadingAtPath: "/proc/self/exe") else { return "unreadable" }
    let digest = SHA256()
    while let bytes = try? file.read(upToCount: 1 << 20), !bytes.isEmpty {
      bytes.withUnsafeBytes { digest.update($0) }
    }
    return digest.hex()
  }

  /// A pack's header holds the SHA-256 of its index, and that holds a checksum of every picture; of a folder the lists
  /// are read, and `StartupChecks.requireSameLabels` compares what the masks say.
  static func dataDigests(_ configuration: Configuration) -> [String: String] {
    if !configuration.pack.isEmpty {
      let header = try? FileHandle(forReadingFrom: URL(fileURLWithPath: configuration.pack)).read(upToCount: 256)
      return ["data.pack": header.map { SHA256.hex(of: $0) } ?? "cannot be read"]
    }
    guard let directory = try? VOCDirectory(root: configuration.dataRoot, classes: configuration.shape.classes) else {
      return ["data.root": "has no JPEGImages"]
    }
    return [("data.imageLabelList", configuration.imageLabelList), ("data.maskList", configuration.maskList)]
      .reduce(into: [:]) { digests, list in
        let bytes = try? FileBytes.read(directory.listPath(list.1))
        digests[list.0] = bytes.map { SHA256.hex(of: $0) } ?? "cannot be read"
      }
  }
}

/// How many tasks a launcher says it started: more than MPI's ranks where the two know nothing of each other.
package struct StartedTasks: Codable, Sendable, Equatable {
  package var variable: String
  package var count: Int

  /// The variable nearest to the process counts: mpirun's own, another MPI's, Slurm's step, Slurm's whole job.
  package init?(_ environment: [String: String]) {
    let variables = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"]
    guard let variable = variables.first(where: { environment[$0] != nil }),
      let count = Int(environment[variable]!)
    else { return nil }
    (self.variable, self.count) = (variable, count)
  }
}
