// Tests of crop lists and packs: `dnet data propose`, `dnet data pack`, `dnet data preview`, and training from them.
import Foundation
import Images
import Support
import Testing

extension EndToEnd {
  @Suite(.serialized) struct CropsAndPacksTests {
    static let list = "ImageSets/Segmentation/train_aug.txt"

    func propose(_ workplace: Workplace, _ output: String, ranks: Int?, threads: Int = 1, _ more: [String] = []) throws
      -> Outcome
    {
      let settings = Workplace.settings.flatMap { ["--set", $0] }
      let outcome = try workplace.start(
        "dnet", ranks: ranks,
        ["data", "propose", "--config", Commands.repository + "/Configs/synthetic/tiny.yaml"] + settings
          + ["--per-combination", "10", "--output", output, "--threads", "\(threads)"] + more
      ).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      return outcome
    }

    func pack(_ workplace: Workplace, _ arguments: [String]) throws -> Outcome {
      try workplace.start("dnet", ["data", "pack"] + arguments).wait()
    }

    @Test("A crop list does not depend on the number of ranks and threads.")
    func cropListIsIndependentOfRanksAndThreads() throws {
      let workplace = try Workplace()
      let first = try propose(workplace, "one.txt", ranks: nil)
      let text = try workplace.read("one.txt")
      for (ranks, threads) in [(2, 1), (3, 2), (nil, 3)] as [(Int?, Int)] {
        let outcome = try propose(workplace, "other.txt", ranks: ranks, threads: threads)
        #expect(try workplace.read("other.txt") == text, "\(ranks ?? 0) ranks of \(threads) threads")
        #expect(outcome.lines[0] == first.lines[0])
      }
      // N_t of the paper agrees in the output, in the head of the list and in the number of its lines.
      let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
      let crops = lines.count { !$0.hasPrefix("#") }
      #expect(first.lines[0].hasPrefix("N_t = ") && first.lines[0].hasSuffix(" = \(crops)"), "\(first.output)")
      let body = lines.filter { !$0.hasPrefix("#") }.map { $0 + "\n" }.joined()
      #expect(lines[1] == "# sha256 \(SHA256.hex(of: body))" && lines[2].hasPrefix("# \(crops) crops"))
      #expect(first.output.contains(SHA256.hex(of: body)))
      #expect(body.contains(" -"), "some crops extend beyond the image")
      // Another seed, and no proposals, give other boxes.
      _ = try propose(workplace, "seed.txt", ranks: nil, ["--seed", "9"])
      _ = try propose(workplace, "random.txt", ranks: nil, ["--proposals", "random"])
      #expect(try workplace.read("seed.txt") != text && workplace.read("random.txt") != text)
      let count = try propose(workplace, "none.txt", ranks: nil, ["--count-only"])
      #expect(count.output == first.lines[0] + "\n" && !workplace.exists("none.txt"))
    }

    @Test("Training from a folder and from a pack gives the same weights.")
    func folderAndPackGiveTheSameWeights() throws {
      let workplace = try Workplace()
      _ = try propose(workplace, "crops.txt", ranks: 2)
      let set = ["data.proposals=crops.txt"]
      let packed = try pack(
        workplace,
        [
          "set.pack", "--config", Commands.repository + "/Configs/synthetic/tiny.yaml", "--set", "data.root=data",
          "--set", set[0],
        ])
      #expect(packed.status == 0 && packed.output.contains("crops of crops.txt"), "\(packed.output)")
      let verified = try pack(workplace, ["set.pack", "--verify"])
      #expect(
        verified.status == 0 && verified.output.contains("are whole") && verified.output.contains("crops crops.txt"),
        "\(verified.output)")
      try workplace.train("folder", ranks: 2, set: set)
      // The pack contains the list too.
      try workplace.copy("crops.txt", to: "elsewhere.txt")
      try FileManager.default.removeItem(atPath: workplace.file("crops.txt"))
      try workplace.train("pack", ranks: 3, set: set + ["data.pack=set.pack", "data.root=nowhere"])
      let digest = try workplace.summary("folder").weightsDigest
      #expect(try workplace.summary("pack").weightsDigest == digest)
      #expect(try digest != Workplace.digest.get(), "these are the weights of random crops")
    }

    @Test("A crop list is made in the run directory, reused on resuming, and made again if it is damaged.")
    func cropListIsMadeInTheRunDirectory() throws {
      let workplace = try Workplace()
      let set = ["data.proposals=edgeboxes", "data.cropsPerCombination=7"]
      try workplace.train("whole", ranks: 2, set: set)
      let list = try workplace.read("whole/crops.txt")
      let digest = try workplace.summary("whole").weightsDigest
      let first = try workplace.train("run", ranks: 1, set: set, ["--max-iterations", "5"])
      #expect(first.output.contains("making crops: N_t = "), "\(first.output)")
      let second = try workplace.train("run", ranks: 3, set: set, ["--max-iterations", "6"])
      #expect(!second.output.contains("making crops"), "\(second.output)")
      try workplace.write(list.dropLast(300), to: "run/crops.txt")
      let third = try workplace.train("run", ranks: 2, set: set)
      #expect(third.output.contains("making crops"), "\(third.output)")
      #expect(try workplace.read("run/crops.txt") == list)
      #expect(try workplace.summary("run").weightsDigest == digest)
    }

    @Test("Invalid crop lists and packs are refused with one message.")
    func invalidListsAndPacksAreRefused() throws {
      let workplace = try Workplace()
      _ = try propose(workplace, "crops.txt", ranks: nil)
      #expect(try pack(workplace, ["set.pack", "--data", "data", "--classes", "3", "--list", Self.list]).status == 0)
      let text = String(decoding: try workplace.read("crops.txt"), as: UTF8.self)
      let lines = text.split(separator: "\n").map(String.init)
      func write(_ lines: [String], _ name: String) throws {
        try workplace.write(lines.joined(separator: "\n") + "\n", to: name)
      }
      try write(lines.dropLast(4), "short.txt")
      var changed = lines
      changed[20] = changed[20].replacing(" 1", with: " 0", maxReplacements: 1)
      try write(changed, "changed.txt")
      let bare = lines.filter { !$0.hasPrefix("#") }
      try write(bare + ["/J/stranger.jpg /S/stranger.png 0 0 9 9 1 0 0"], "stranger.txt")
      try write([bare[0], bare[1] + " 0"], "fields.txt")
      let name = bare[0].split(separator: " ")[0...1].joined(separator: " ")
      try write([bare[0], name + " 9 0 3 9 1 0 0"], "corners.txt")
      try write([bare[0]], "few.txt")
      try workplace.copy("crops.txt", to: "two\nlines.txt")
      var bytes = try workplace.read("set.pack")
      bytes[bytes.count - 60] ^= 1
      try workplace.write(bytes, to: "index.pack")
      bytes = try workplace.read("set.pack")
      try workplace.write(bytes.dropLast(10), to: "short.pack")
      func refusal(_ what: String, _ settings: [String], _ words: [String], output: String = "out") -> [Refusal] {
        [nil, 2].map { ranks in
          Refusal(name: "\(what), ranks \(ranks ?? 0)", words: words) {
            try workplace.startTraining(output, ranks: ranks, set: settings)
          } afterwards: {
            #expect(!workplace.exists("\(output)/model.safetensors.zst"), "\(what)")
          }
        }
      }
      try Refusal.expect(
        [
          refusal("no list", ["data.proposals=edgebox"], ["edgebox", "random, edgeboxes or the path"]),
          refusal("cut short", ["data.proposals=short.txt"], ["short.txt ends after line", "cut short"]),
          refusal("changed", ["data.proposals=changed.txt"], ["changed.txt, lines 1 to", "SHA-256", "data propose"]),
          refusal(
            "unknown image", ["data.proposals=stranger.txt"],
            ["stranger.txt, line \(bare.count + 1)", "stranger is not in", Self.list]),
          refusal("fields", ["data.proposals=fields.txt"], ["fields.txt, line 2: 10 fields instead of 9"]),
          refusal("corners", ["data.proposals=corners.txt"], ["corners.txt, line 2: the box 9 0 3 9 ends before"]),
          refusal("too few images", ["data.proposals=few.txt"], ["few.txt has no crop of", "data propose"]),
          refusal("line feed", ["data.proposals=two\nlines.txt"], ["line feed", "two\\nlines.txt", "rename"]),
          refusal(
            "line feed above", ["data.proposals=edgeboxes"], ["line feed", "a\\nb/crops.txt", "--output"],
            output: "a\nb"),
          refusal("damaged index", ["data.pack=index.pack"], ["index.pack", "copy the pack again"]),
          refusal("pack cut short", ["data.pack=short.pack"], ["short.pack has", "cut short"]),
          refusal("no pack", ["data.pack=crops.txt"], ["crops.txt is not a pack", "data.pack"]),
          refusal(
            "no such list", ["data.pack=set.pack", "data.imageLabelList=other.txt"],
            ["set.pack has no list other.txt", "--list other.txt"]),
        ].flatMap { $0 })
      // Windows line ends and a missing final line feed are accepted.
      try workplace.write(String(text.dropLast()).replacing("\n", with: "\r\n"), to: "windows.txt")
      try workplace.train("plain", ranks: nil, set: ["data.proposals=crops.txt"])
      try workplace.train("windows", ranks: nil, set: ["data.proposals=windows.txt"])
      #expect(try workplace.summary("plain").weightsDigest == workplace.summary("windows").weightsDigest)
    }

    @Test("A run does not resume with a changed crop list.")
    func changedListIsRefusedOnResuming() throws {
      let workplace = try Workplace()
      _ = try propose(workplace, "crops.txt", ranks: nil)
      try workplace.train("run", ranks: 2, set: ["data.proposals=crops.txt"], ["--max-iterations", "5"])
      _ = try propose(workplace, "crops.txt", ranks: nil, ["--seed", "5"])
      try Refusal.expect([
        Refusal(name: "another list", words: ["this run started with crops of", "another --output"]) {
          try workplace.startTraining("run", ranks: 2, set: ["data.proposals=crops.txt"])
        }
      ])
    }

    @Test("`dnet data preview` writes contact sheets of masks, proposals and crops.")
    func contactSheets() throws {
      let workplace = try Workplace()
      let outcome = try workplace.start(
        "dnet",
        [
          "data", "preview", "--data", "data", "--list", Self.list, "--classes", "3", "--images", "3", "--output",
          "sheets",
        ]
      ).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      for (name, columns) in [("masks", 3), ("proposals", 3), ("crops", 5)] {
        let sheet = try Photograph.decode(file: workplace.file("sheets/\(name).png"))
        #expect(sheet.width == columns * 230 + 6 && sheet.height > 400)
      }
      let missing = try workplace.start("dnet", ["data", "preview", "--data", "nowhere", "--list", "x"]).wait()
      #expect(missing.status != 0 && missing.output.contains("nowhere"))
    }
  }
}
