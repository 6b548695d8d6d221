// The comparison of facts from clusters of various kinds.
import CProcessor
import Testing
import Training

@Suite struct StartupReportTests {
  static let avx2 = instructions(["SSE3", "SSSE3", "AVX", "AVX2", "FMA", "BMI2"])
  static let avx512 = avx2 | instructions(["AVX512F", "AVX512DQ", "AVX512BW", "AVX512VL"])

  static func instructions(_ names: [String]) -> UInt64 { names.reduce(0) { $0 | dnet_instruction($1) } }

  /// Returns the report of hosts `node1`, `node2`, ... with the given numbers of ranks; `change` makes ranks differ.
  func report(_ hosts: [Int], _ change: (Int, inout StartupFacts) -> Void = { _, _ in }) -> StartupReport {
    var all: [StartupFacts] = []
    for (host, ranks) in hosts.enumerated() {
      for _ in 0..<ranks {
        var facts = StartupFacts()
        facts.host = "node\(host + 1)"
        facts.cores = "0-31"
        facts.launcherCores = "0-31"
        facts.threads = 32 / ranks
        facts.mpi = "Open MPI v4.1.4 FUNNELED"
        facts.blas = "0.3.21 SkylakeX"
        facts.instructions = Self.avx512
        facts.executable = String(repeating: "a", count: 64)
        facts.settings = [
          "seed": "1", "classification.learningRate.base": "0.1", "cluster.mixedInstructionSets": "refuse",
          "--phase": "all",
        ]
        facts.data = ["data.imageLabelList": String(repeating: "b", count: 64)]
        change(all.count, &facts)
        all.append(facts)
      }
    }
    return StartupReport(all)
  }

  @Test("Equal ranks give no error and no warning.")
  func equalRanksAreNoMatter() {
    for hosts in [[1], [2], [1, 1], [3, 2, 3]] {
      let found = report(hosts)
      #expect(found.error == nil && found.warnings.isEmpty, "\(hosts): \(found.warnings)")
    }
  }

  // MARK: Differences

  @Test("A difference is reported with rank, host and both values.")
  func whatDiffersIsNamedWithRankHostAndBothValues() {
    let cases: [(change: (inout StartupFacts) -> Void, words: [String])] = [
      ({ $0.settings["seed"] = "2" }, ["has seed = 2", "has 1", "same configuration"]),
      ({ $0.settings["--phase"] = "segmentation" }, ["has --phase = segmentation", "has all"]),
      ({ $0.settings["--stop-after"] = "3" }, ["has --stop-after = 3", "has nothing"]),
      (
        { $0.executable = String(repeating: "c", count: 64) },
        ["another dnet-train", "cccccccccccc...", "aaaaaaaaaaaa..."]
      ),
      (
        { $0.data["data.imageLabelList"] = "cannot be read" },
        ["data.imageLabelList", "found cannot be read", "found bbbbbbbbbbbb..."]
      ),
      ({ $0.data = ["data.root": "has no JPEGImages"] }, ["data.root", "found has no JPEGImages", "found nothing"]),
      (
        { $0.blas = "0.3.21 Haswell" },
        ["uses OpenBLAS 0.3.21 Haswell", "OpenBLAS 0.3.21 SkylakeX", "OPENBLAS_CORETYPE"]
      ),
      // A build for another set is another program; the set is the better explanation.
      (
        {
          $0.instructions = Self.avx2
          $0.executable = "other"
        }, ["built for AVX2", "built for AVX-512", "DNET_MARCH=x86-64-v3"]
      ),
      (
        { $0.instructions |= dnet_instruction("AVX512BF16") },
        ["built for AVX-512 with AVX512BF16", "built for AVX-512 without AVX512BF16"]
      ),
    ]
    for (change, words) in cases {
      let found = report([2, 3]) { rank, facts in if rank >= 3 { change(&facts) } }
      let text = found.error?.description ?? ""
      for word in words + ["rank 3 on node2 (and 1 more)", "rank 0 on node1"] {
        #expect(text.contains(word), "\(word) is not in: \(text)")
      }
    }
  }

  @Test("Two spellings of a number are no difference.")
  func theSameNumberInOtherWordsIsNoDifference() {
    #expect(
      report([2]) { rank, facts in if rank == 1 { facts.settings["classification.learningRate.base"] = "1e-1" } }.error
        == nil)
  }

  @Test("Different instruction sets can be tolerated, different programs cannot.")
  func mixedInstructionSetsMayBeToleratedOtherProgramsMayNot() {
    let tolerant = report([1, 1]) { rank, facts in
      facts.settings["cluster.mixedInstructionSets"] = "warn"
      if rank == 1 {
        facts.instructions = Self.avx2
        facts.blas = "0.3.21 Haswell"
        facts.executable = "other"
      }
    }
    #expect(tolerant.error == nil)
    #expect(
      tolerant.warnings.count == 2
        && tolerant.warnings.allSatisfy { $0.contains("node2") && $0.contains("weights depend") },
      "\(tolerant.warnings)")
    let strict = report([1, 1]) { rank, facts in
      facts.settings["cluster.mixedInstructionSets"] = "warn"
      if rank == 1 { facts.executable = "other" }
    }
    #expect(strict.error?.description.contains("another dnet-train") == true)
  }

  @Test("Another version of MPI is a warning.")
  func anotherMPIIsAWarning() {
    let found = report([1, 1]) { rank, facts in if rank == 1 { facts.mpi = "Open MPI v4.1.6 FUNNELED" } }
    #expect(found.error == nil && found.warnings.count == 1)
    #expect(found.warnings.first?.contains("node2 has Open MPI v4.1.6") == true, "\(found.warnings)")
  }

  // MARK: A single rank

  @Test("The variable closest to the process counts.")
  func theNearestLauncherCounts() {
    #expect(StartedTasks([:]) == nil)
    #expect(StartedTasks(["SLURM_NTASKS": "8"])?.count == 8)
    // srun -n 1 and mpirun -n 1 within a job of eight tasks.
    #expect(StartedTasks(["SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1"])?.count == 1)
    #expect(StartedTasks(["SLURM_NTASKS": "8", "OMPI_COMM_WORLD_SIZE": "1"])?.count == 1)
    #expect(StartedTasks(["PMI_SIZE": "4"])?.variable == "PMI_SIZE")
  }

  @Test("A single rank among many tasks is refused.")
  func aSingletonAmongManyTasksIsRefused() {
    let alone = report([1]) { _, facts in facts.tasks = StartedTasks(["SLURM_NTASKS": "8"]) }
    let text = alone.error?.description ?? ""
    #expect(text.contains("SLURM_NTASKS says 8 tasks") && text.contains("srun --mpi=pmix"), "\(text)")
    #expect(report([1]) { _, facts in facts.tasks = StartedTasks(["SLURM_NTASKS": "1"]) }.error == nil)
    #expect(report([8]) { _, facts in facts.tasks = StartedTasks(["SLURM_NTASKS": "8"]) }.error == nil)
  }

  // MARK: Binding

  @Test("Ranks that share a core beside free cores give a warning.")
  func ranksOnOneCoreBesideFreeOnes() {
    let found = report([2]) { _, facts in
      facts.cores = "0"
      facts.threads = 1
    }
    #expect(found.warnings.count == 1)
    #expect(
      found.warnings.first?.contains("ranks 0-1 of node1 have 2 threads on core 0, while 31 cores are free") == true,
      "\(found.warnings)")
  }

  @Test("Overlapping core lists are compared as one group.")
  func ranksWhoseCoresOverlapInAChain() {
    let cores = ["0-3", "8-9", "3-4", "4-5"]
    // Six threads on six cores, two on two.
    let enough = report([4]) { rank, facts in
      facts.cores = cores[rank]
      facts.threads = 2
      facts.sharesCores = false
    }
    #expect(enough.warnings.isEmpty, "\(enough.warnings)")
    let more = report([4]) { rank, facts in
      facts.cores = cores[rank]
      facts.threads = 3
      facts.sharesCores = false
    }
    #expect(
      more.warnings.first?.contains("ranks 0,2-3 of node1 have 9 threads on cores 0-5, while 24 cores are free")
        == true, "\(more.warnings)")
  }

  @Test("A rank with more threads than cores gives a warning.")
  func aRankWithMoreThreadsThanItIsBoundTo() {
    let found = report([1]) { _, facts in
      facts.cores = "5"
      facts.threads = 8
      facts.sharesCores = false
    }
    #expect(
      found.warnings.first?.contains("rank 0 of node1 has 8 threads on core 5, while 31 cores are free") == true,
      "\(found.warnings)")
    // The user may start any number of threads if no core is free.
    #expect(
      report([1]) { _, facts in
        facts.threads = 64
        facts.sharesCores = false
      }.warnings.isEmpty)
  }

  @Test("Cores that mpirun leaves unused give a warning.")
  func coresWithoutRank() {
    let found = report([2, 2, 2]) { rank, facts in
      facts.cores = "\(rank % 2)"
      facts.threads = 1
    }
    #expect(found.warnings.count == 1)
    let text = found.warnings.first ?? ""
    #expect(
      text.contains("the 2 ranks of node1 (and on 2 other hosts) to 2 of 32 cores") && text.contains("slot:PE=16"),
      "\(text)")
    // Intended, because the configuration sets the number of threads.
    #expect(
      report([2]) { rank, facts in
        facts.cores = "\(rank)"
        facts.threads = 1
        facts.sharesCores = false
      }.warnings.isEmpty)
    // Every core of the launcher has a rank; cores of other jobs do not count.
    #expect(
      report([2]) { rank, facts in
        facts.cores = "\(rank)"
        facts.launcherCores = "0-1"
        facts.threads = 1
      }.warnings.isEmpty)
  }

  // MARK: The table

  @Test("A single rank has a single line.")
  func oneRankIsOneLine() {
    #expect(
      report([1]).table == [
        "node1: 1 rank, 32 threads on cores 0-31, AVX-512, OpenBLAS 0.3.21 SkylakeX, Open MPI v4.1.4 FUNNELED"
      ])
  }

  @Test("The table has a row for each host.")
  func aRowAHost() {
    let table = report([2, 1, 3, 2]) { rank, facts in
      switch rank {
      case 0, 1: facts.cores = rank == 0 ? "0-15" : "16-31"
      case 3...5:
        facts.cores = ["0-3", "2-5", "6"][rank - 3]
        facts.launcherCores = "0-7"
      case 6, 7: facts.cores = "0,2"
      default: break
      }
    }.table
    #expect(
      table == [
        "host   ranks  threads  cores  binding        instructions  OpenBLAS         MPI",
        "node1  0-1    16 each  0-31   16 cores each  AVX-512       0.3.21 SkylakeX  Open MPI v4.1.4 FUNNELED",
        "node2  2      32       0-31   none           AVX-512       0.3.21 SkylakeX  Open MPI v4.1.4 FUNNELED",
        "node3  3-5    10 each  0-6    overlapping    AVX-512       0.3.21 SkylakeX  Open MPI v4.1.4 FUNNELED",
        "node4  6-7    16 each  0,2    shared         AVX-512       0.3.21 SkylakeX  Open MPI v4.1.4 FUNNELED",
      ], "\(table.joined(separator: "\n"))")
  }
}
