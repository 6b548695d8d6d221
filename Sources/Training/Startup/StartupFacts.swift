// The facts that each rank reports at the start, so that rank 0 can compare them: where the rank runs, and everything
// that the weights depend on.
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
  /// The cores that the rank may use (its affinity), such as `0-3,8`.
  package var cores = ""
  /// The cores that mpirun may use on this host and can bind ranks to; equal to `cores` if the rank was not started by
  /// mpirun.
  package var launcherCores = ""
  package var threads = 1
  /// True if dnet chooses the number of threads (`threads` is 0 in the configuration).
  package var sharesCores = true
  /// The MPI library and its thread level.
  package var mpi = ""
  /// The instruction set that the program was compiled for, as bits of CInstructionSet.
  package var instructions: UInt64 = 0
  /// The version of OpenBLAS and the kernels that it uses.
  package var blas = ""
  /// The SHA-256 of the program.
  package var executable = ""
  /// The configuration and the options that must be the same on all ranks, by key.
  package var settings: [String: String] = [:]
  /// The SHA-256 of lists or of a pack by key, or the reason why there is none.
  package var data: [String: String] = [:]
  /// The number of tasks that were started together, if an environment variable contains it.
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
    // A single rank has nothing to compare.
    if communicator.size > 1 {
      facts.executable = programDigest
      facts.data = dataDigests(configuration)
    }
    return facts
  }

  /// The keys that may differ between ranks: a machine may have more cores, more memory, or its data elsewhere.
  private static let ownKeys = ["threads", "data.root", "data.cacheMegabytes"]

  private static func settings(_ configuration: Configuration, _ options: TrainingOptions) -> [String: String] {
    var settings = configuration.values.filter { !ownKeys.contains($0.key) }
    // The path of a pack may differ too.
    settings["data.pack"] = configuration.pack.isEmpty ? "none" : "a pack"
    settings["--phase"] = options.phases?.joined(separator: ", ") ?? "all"
    settings["--max-iterations"] = options.maxIterations.map(String.init) ?? "none"
    settings["--record-steps"] = "\(options.recordSteps)"
    settings["--trace"] = options.trace == nil ? "none" : "a file"
    return settings
  }

  /// The cores of the parent process if that is mpirun or its daemon.
  private static var launcherCores: String? {
    let parent = Int(getppid())
    let name = (try? String(contentsOfFile: "/proc/\(parent)/comm", encoding: .utf8))?.trimmingCharacters(in: .newlines)
    guard let name, ["mpirun", "mpiexec", "orterun", "orted", "prterun", "prted"].contains(name) else { return nil }
    return AvailableCores.list(ofProcess: "\(parent)")
  }

  /// The names of the instructions that the program was compiled for.
  static var instructionSet: String {
    var left = dnet_compiled()
    var names: [String] = []
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

  /// Returns the SHA-256 of a pack's header, which covers a checksum of every image, or of a folder's lists;
  /// `StartupChecks.requireSameLabels` compares the folder's masks.
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

/// The number of tasks that a launcher has started, from its environment variables. It exceeds the number of ranks if
/// MPI does not support the launcher.
package struct StartedTasks: Codable, Sendable, Equatable {
  package var variable: String
  package var count: Int

  /// Reads the variable closest to the process: that of mpirun, another MPI, the Slurm step, or the Slurm job.
  package init?(_ environment: [String: String]) {
    let variables = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"]
    guard let variable = variables.first(where: { environment[$0] != nil }),
      let count = Int(environment[variable]!)
    else { return nil }
    self.variable = variable
    self.count = count
  }
}
