// End-to-end tests of bad input: data, configurations, directories and checkpoints. On one rank and on several, each is
// reported once, with the value and the next step, and existing files stay as they were.
import Foundation
import Images
import Testing

extension EndToEnd {
  @Suite(.serialized) struct BadInputTests {
    /// A command that must fail.
    struct Case {
      let name: String
      var settings: [String] = []
      var arguments: [String] = []
      /// nil for a directory of its own, which already holds a file.
      var output: String?
      var ranks: [Int?] = [nil, 2]
      /// True if the error is found before anything is written.
      var atStart = true
      /// The texts that the message must contain: the value, and the next step.
      let words: [String]
    }

    /// Runs each case in one process without mpirun and on two ranks.
    private func expectRefusals(_ cases: [Case], _ workplace: Workplace, _ place: SourceLocation = #_sourceLocation)
      throws
    {
      try Refusal.expect(
        cases.flatMap { one in
          try one.ranks.map { ranks in
            let output = one.output ?? "out-\(one.name.filter(\.isLetter))-\(ranks ?? 1)"
            if one.output == nil { try workplace.write("a note", to: "\(output)/note.txt") }
            let before = workplace.contents(output)
            return Refusal(name: "\(one.name), ranks \(ranks ?? 0)", words: one.words) {
              try workplace.startTraining(output, ranks: ranks, set: one.settings, one.arguments)
            } afterwards: {
              if one.atStart {
                #expect(workplace.contents(output) == before, "\(one.name) changed \(output)", sourceLocation: place)
              } else {
                #expect(!workplace.exists("\(output)/model.safetensors.zst"), "\(one.name)", sourceLocation: place)
              }
            }
          }
        }, place)
    }

    @Test("Damaged, missing and inconsistent datasets are refused.") func datasets() throws {
      let workplace = try Workplace()
      let good = try workplace.ids()
      let lists = "ImageSets/Segmentation"
      /// Copies an image and its mask under a new id. A list of that name holds it and two good images.
      func add(_ id: String) throws {
        try workplace.copy("data/JPEGImages/\(good[0]).jpg", to: "data/JPEGImages/\(id).jpg")
        try workplace.copy("data/SegmentationClassAug/\(good[0]).png", to: "data/SegmentationClassAug/\(id).png")
        try workplace.write("\(good[1])\n\(good[2])\n\(id)\n", to: "data/\(lists)/\(id).txt")
      }
      func mask(_ id: String) -> String { "data/SegmentationClassAug/\(id).png" }
      func photograph(_ id: String) -> String { "data/JPEGImages/\(id).jpg" }
      for id in ["lost", "cut", "page", "small", "strange", "coloured", "unmasked"] { try add(id) }
      try FileManager.default.removeItem(atPath: workplace.file(photograph("lost")))
      let bytes = try workplace.read(photograph("cut"))
      try workplace.write(bytes.prefix(bytes.count * 3 / 4), to: photograph("cut"))
      try workplace.write("<html>404 not found</html>", to: photograph("page"))
      try workplace.write(PNG.encode(IndexImage(width: 5, height: 5, index: 1)), to: mask("small"))
      let size = try Photograph.decode(file: workplace.file(photograph("strange")))
      var strange = IndexImage(width: size.width, height: size.height, index: 1)
      strange[7, 9] = 4
      try workplace.write(PNG.encode(strange), to: mask("strange"))
      try workplace.write(PNG.encode(RGBImage(width: size.width, height: size.height)), to: mask("coloured"))
      try FileManager.default.removeItem(atPath: workplace.file(mask("unmasked")))
      try workplace.write("\n\n", to: "data/\(lists)/empty.txt")
      try workplace.write("\(good[0])\n\(good[1]) 1 x\n", to: "data/\(lists)/table.txt")

      func labelled(_ list: String) -> [String] { ["data.imageLabelList=\(lists)/\(list).txt"] }
      func masked(_ list: String) -> [String] { ["data.maskList=\(lists)/\(list).txt", "data.masksPerClass=0"] }
      try expectRefusals(
        [
          Case(name: "no folder", settings: ["data.root=nowhere"], words: ["nowhere", "data.root"]),
          Case(
            name: "missing photograph", settings: labelled("lost"),
            words: [photograph("lost"), "line 3", "take the line out"]),
          Case(name: "empty list", settings: labelled("empty"), words: ["empty.txt", "one image id per line"]),
          Case(name: "absent list", settings: masked("absent"), words: ["absent.txt", "check the path"]),
          Case(
            name: "list of another form", settings: labelled("table"), words: ["table.txt, line 2", "\(good[1]) 1 x"]),
          Case(
            name: "index above the classes", settings: masked("strange"),
            words: [mask("strange"), "index 4", "x 7, y 9", "network.classes"]),
          Case(name: "colour mask", settings: masked("coloured"), words: [mask("coloured"), "save masks as palette"]),
          Case(name: "neither mask nor labels", settings: labelled("unmasked"), words: ["unmasked", "ImageSets/Main"]),
          Case(
            name: "too few masks", settings: ["data.strongPerClass=33"],
            words: ["lower data.masksPerClass", "33", "or less"]),
          // Images are decoded when they are drawn, so these end the job later, at the same iteration on all ranks.
          Case(
            name: "truncated photograph", settings: labelled("cut"), atStart: false,
            words: [photograph("cut"), "fetch it again"]),
          Case(
            name: "truncated photograph with a mask", settings: masked("cut"), atStart: false,
            words: [photograph("cut"), "fetch it again"]),
          Case(
            name: "no photograph", settings: labelled("page"), atStart: false,
            words: [photograph("page"), "convert it"]),
          Case(
            name: "mask of another size", settings: masked("small"), atStart: false,
            words: [mask("small"), "5 x 5", "\(size.width) x \(size.height)", "fetch both"]),
        ], workplace)
    }

    @Test("Wrong keys, values, options and files of a configuration are refused.") func configurations() throws {
      let workplace = try Workplace()
      try expectRefusals(
        [
          Case(
            name: "unknown key", settings: ["segmentation.learningrate.bass=1"],
            words: ["learningrate.bass", "segmentation.learningRate.base?"]),
          Case(
            name: "out of range", settings: ["network.inputSize=100"],
            words: ["network.inputSize is 100", "a multiple of 32"]),
          Case(name: "no number", settings: ["seed=one"], words: ["seed is one", "an integer"]),
          Case(name: "no value", settings: ["seed"], words: ["--set seed", "key.path=value"]),
          Case(
            name: "two names of a key", settings: ["data.masksPerClass=2", "data.strongPerClass=3"],
            words: ["data.masksPerClass is 2", "data.strongPerClass", "is 3", "keep one"]),
          Case(
            name: "another model", settings: ["network.model=vgg"], words: ["network.model is vgg", "decouplednet"]),
          Case(
            name: "more ranks than shards", settings: ["minibatch.shards=2"], ranks: [3],
            words: ["3 ranks for 2 shards", "mpirun -n 2"]),
          Case(
            name: "wrong option", arguments: ["--phase", "both"],
            words: ["--phase is both", "classification | segmentation | all"]),
          Case(
            name: "nothing to segment with", arguments: ["--phase", "segmentation"], atStart: false,
            words: ["needs trained classification parameters", "--initial-weights"]),
          Case(
            name: "rate too high", settings: ["classification.learningRate.base=1000"], atStart: false,
            words: ["lower classification.learningRate.base"]),
        ], workplace)
      // Other files instead of tiny.yaml.
      try workplace.write("network: {width: 1,\nseed: 1\n", to: "broken.yaml")
      try workplace.write("just words\n", to: "words.yaml")
      let files = [
        ("broken.yaml", ["broken.yaml is not a configuration in YAML", "flow mapping"]),
        ("words.yaml", ["words.yaml", "seed: 1"]),
        ("absent.yaml", ["absent.yaml", "check the path"]),
      ]
      try Refusal.expect(
        files.flatMap { file, words in
          [nil, 2].map { ranks in
            Refusal(name: file, words: words) {
              try workplace.start("dnet-train", ranks: ranks, [file, "--output", "out"])
            }
          }
        })
      #expect(!workplace.exists("out"))
    }

    /// The paths have no parent directory, because root may write everywhere else.
    @Test("Output directories that cannot be written are refused.") func unwritableOutputs() throws {
      let workplace = try Workplace()
      try workplace.write("a file", to: "file")
      try expectRefusals(
        [
          Case(name: "a file", output: "file", words: ["cannot write file: Not a directory", "--output"]),
          Case(
            name: "below a file", output: "file/run", words: ["cannot write file/run: Not a directory", "--output"]),
          Case(name: "in proc", output: "/proc/run", words: ["cannot write /proc/run: No such file", "--output"]),
        ], workplace)
      #expect(try workplace.read("file") == Array("a file".utf8))
    }

    @Test("Checkpoints of other runs, missing ones and damaged ones are refused.") func otherCheckpoints() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, ["--max-iterations", "3"])
      func differing(_ key: String, _ here: String, _ there: String) -> Case {
        Case(
          name: key, settings: ["\(key)=\(here)"], output: "run",
          words: ["\(key) = \(there), this run has \(here)", "set \(key) back"])
      }
      try expectRefusals(
        [
          differing("network.width", "0.125", "0.0625"), differing("seed", "2", "1"),
          differing("minibatch.shardSize", "4", "2"), differing("segmentation.learningRate.base", "0.02", "0.01"),
          Case(
            name: "no such checkpoint", arguments: ["--resume", "elsewhere"], output: "run",
            words: ["elsewhere is not a checkpoint", "--resume auto"]),
          Case(
            name: "a run for a checkpoint", arguments: ["--resume", "run"], output: "run",
            words: ["run is not a checkpoint", "--resume auto"]),
        ], workplace)
      // With only damaged checkpoints left, starting again would discard the log.
      for checkpoint in workplace.checkpoints("run") {
        try workplace.write("", to: "run/checkpoints/\(checkpoint)/momentum.safetensors.zst")
      }
      let words = ["none of the \(workplace.checkpoints("run").count) checkpoints", "another --output"]
      try expectRefusals([Case(name: "all damaged", output: "run", words: words)], workplace)
    }
  }
}
