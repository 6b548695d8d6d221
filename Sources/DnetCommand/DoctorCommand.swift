// `dnet doctor`: a check of the machine, the libraries and the ranks.
import ArgumentParser
import Benchmarks
import Cluster
import Foundation
import Randomness
import Support
import Training

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Finds problems that would make training wrong or slow here, and names the next step for each.",
    discussion: """
      Under mpirun each rank checks its own machine with the binding that a training started the same way would have.
      Exit status: 0 if there are no problems or only warnings; 1 if training would be wrong or many times slower.
      """)

  @Option(help: "Also writes the results of rank 0 to this file, as JSON.")
  var json: String?

  func run() throws {
    let communicator: Communicator
    do { communicator = try Communicator.start() } catch {
      say("dnet doctor: \(error)")
      throw ExitCode(1)
    }
    let machine = Machine.here(
      threads: try ThreadShare.threads(configured: 0, communicator), ranksOnNode: communicator.ranksOnThisNode)
    let diagnosis = Diagnosis(machine)
    let differences = try differences(between: machine, communicator)
    let failed = try communicator.allGather([diagnosis.errors.count]).contains { $0[0] > 0 } || !differences.isEmpty

    // The ranks print in order. All print their problems; only rank 0 prints the facts.
    for rank in 0..<communicator.size {
      if rank == communicator.rank {
        if rank == 0 { print(machine.facts(communicator)) }
        let place = communicator.size > 1 ? "rank \(rank) on \(communicator.nodeName): " : ""
        for text in diagnosis.errors { print("ERROR    \(place)\(text)") }
        for text in diagnosis.warnings { print("warning  \(place)\(text)") }
        fflush(nil)
      }
      try communicator.barrier()
    }
    if communicator.rank == 0 {
      for text in differences { print("ERROR    \(text)") }
      if !failed {
        print("training is correct here" + (diagnosis.warnings.isEmpty ? " and runs at full speed" : ""))
      }
    }
    if communicator.rank == 0, let json {
      try AtomicFile.write(MachineReport(machine, diagnosis, moreErrors: differences).json(), to: json)
    }
    try communicator.finish()
    if failed { throw ExitCode(1) }
  }

  /// Returns an error if some ranks have other vector instructions or OpenBLAS kernels than rank 0, because their sums
  /// would differ in the last bits. Collective.
  private func differences(between machine: Machine, _ communicator: Communicator) throws -> [String] {
    let core = CounterRandom.word(of: machine.blasCore)
    let all = try communicator.allGather([UInt64(bitPattern: Int64(machine.compiled.rawValue)), core])
    let others = all.indices.filter { all[$0] != all[0] }
    guard !others.isEmpty else { return [] }
    return [
      "ranks \(others.map(String.init).joined(separator: ", ")) have other vector instructions or OpenBLAS kernels "
        + "than rank 0: weights would depend on the assignment of shards to ranks; build with one DNET_MARCH and set "
        + "one OPENBLAS_CORETYPE for all (mpirun -x OPENBLAS_CORETYPE=Haswell)"
    ]
  }
}

extension Machine {
  /// The properties of the machine, one per line.
  fileprivate func facts(_ communicator: Communicator) -> String {
    let binding = coresAllowed < coresOnline ? "bound to cores \(allowedList)" : "not bound"
    let quota = coreQuota.map { String(format: ", control group gives %.1f cores' time", $0) } ?? ""
    let siblings = threadsPerCore > 1 ? ", \(threadsPerCore) hardware threads a core" : ""
    let facts: [[String]] = [
      ["dnet", Version.text + (isOptimised ? "" : ", debug build")],
      ["processor", processor],
      ["instructions", "compiled for \(compiled.text), offered \(offered.text)"],
      [
        "OpenBLAS kernels",
        "\(blasCore), expected \(blasExpected ?? "any")" + (blasSetting.map { ", OPENBLAS_CORETYPE=\($0)" } ?? ""),
      ],
      [
        "one thread",
        String(
          format: "%.0f GFLOP/s peak, product %.0f, 3x3 convolution %.0f", peakGflops, productGflops,
          convolutionGflops),
      ],
      ["errors", String(format: "product %.1e, 3x3 convolution %.1e", productError, convolutionError)],
      ["cores", "\(coresAllowed) of \(coresOnline) allowed, \(binding)\(siblings)\(quota)"],
      ["ranks", "\(communicator.size), \(ranksOnNode) on this machine; threads: 0 gives each \(threads)"],
      ["memory", "\(availableMemoryBytes >> 20) of \(memoryBytes >> 20) MiB free; huge pages: \(hugePages)"],
      ["MPI", "\(MPILibrary.version), thread level \(MPILibrary.threadLevel)"],
      ["OpenBLAS", Libraries.openBLAS],
      ["libpng", Libraries.png],
      ["libjpeg", Libraries.jpeg],
      ["zstd", Libraries.zstd],
      ["libcrypto", Libraries.crypto],
    ]
    return TextTable.lines(facts, columns: [.left]).joined(separator: "\n") + "\n"
  }
}
