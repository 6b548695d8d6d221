// Tests of the `dnet data` commands on a synthetic dataset.
import Checkpoints
import Datasets
import Foundation
import Images
import Support
import Testing

extension EndToEnd {
  @Suite(.serialized) struct DataCommandsTests {
    func dnet(_ workplace: Workplace, _ words: String...) throws -> Outcome {
      try workplace.start("dnet", ["data"] + words).wait()
    }

    @Test("`dnet data prepare` writes a dataset once, and `dnet data check` finds its errors.")
    func prepareAndCheck() throws {
      let workplace = try Workplace()
      let ids = try workplace.ids()
      let prepared = try dnet(workplace, "prepare", "--voc", "data", "--output", "out")
      #expect(prepared.status == 0 && prepared.output.contains("train_aug \(ids.count), val"), "\(prepared.output)")
      let again = try dnet(workplace, "prepare", "--voc", "data", "--output", "out")
      #expect(
        again.status == 0 && again.output.contains("0 written") && again.output.contains("40 unchanged"),
        "\(again.output)")
      let good = try dnet(workplace, "check", "out")
      #expect(good.status == 0 && good.output.contains("all is well"), "\(good.output)")
      #expect(
        try workplace.ids()
          == Array(try ImageList.read(workplace.file("out/ImageSets/Segmentation/train_aug.txt")).map(\.id)))

      let photograph = "data/JPEGImages/\(ids[3]).jpg"
      try workplace.write(try workplace.read(photograph).dropLast(40), to: photograph)
      for words in [["check", "out"], ["prepare", "--voc", "data", "--output", "out"]] {
        let bad = try workplace.start("dnet", ["data"] + words).wait()
        #expect(bad.status == 1 && bad.output.contains("\(ids[3]).jpg is not an intact JPEG file"), "\(bad.output)")
      }
      let wrong = try dnet(
        workplace, "prepare", "--voc", "data", "--voc-archive", "data/ImageSets/Segmentation/val.txt")
      #expect(
        wrong.status == 1 && wrong.output.contains("6cd6e144f989b92b3379bac3b3de84fd")
          && wrong.output.contains("fetch it again"))
      let nowhere = try dnet(workplace, "check", "nowhere")
      #expect(nowhere.status != 0 && nowhere.output.contains("no folder JPEGImages under nowhere"))
    }

    @Test("`dnet data check` finds damaged packs and wrong requests.")
    func packsAreChecked() throws {
      let workplace = try Workplace()
      let list = "ImageSets/Segmentation/val.txt"
      let packed = try dnet(workplace, "pack", "set.pack", "--data", "data", "--classes", "3", "--list", list)
      #expect(packed.status == 0, "\(packed.output)")
      let count = try workplace.ids("val").count
      let good = try dnet(workplace, "check", "set.pack", "--list", list)
      #expect(
        good.status == 0 && good.output.contains("1 lists, \(count) images, \(count) masks: all is well"),
        "\(good.output)")
      #expect(good.output.contains("list \(list): \(count) images"), "\(good.output)")
      var bytes = try workplace.read("set.pack")
      bytes[300] ^= 1
      try workplace.write(bytes, to: "damaged.pack")
      try workplace.write(bytes.dropLast(), to: "short.pack")
      for (words, said) in [
        (
          ["damaged.pack"],
          ["FAULT    damaged.pack, item 1", "photograph does not match its checksum", "copy the pack again"]
        ),
        (["--root", "short.pack"], ["FAULT    short.pack has", "cut short"]),
        (["set.pack", "--list", "other.txt"], ["set.pack has no list other.txt, it has \(list)"]),
        (["set.pack", "--classes", "4"], ["made for 3 classes, 4 are asked for"]),
        (["data/\(list)"], ["is not a pack"]),
      ] {
        let bad = try workplace.start("dnet", ["data", "check"] + words).wait()
        #expect(
          bad.status == 1 && said.allSatisfy { bad.output.contains($0) } && !bad.output.contains("all is well"),
          "\(words): \(bad.output)")
      }
    }

    @Test("`dnet data stats` writes its counts as JSON.")
    func statisticsAsJSON() throws {
      let workplace = try Workplace()
      let stats = try dnet(workplace, "stats", "--root", "data", "--json", "stats.json")
      #expect(
        stats.status == 0 && stats.output.contains("label combinations") && stats.output.contains("aeroplane"),
        "\(stats.output)")
      let read = try JSONText.decode(DatasetStatistics.self, from: workplace.read("stats.json"))
      #expect(
        try read.images == workplace.ids().count && read.masks == read.images
          && read.imagesPerClass.prefix(3).allSatisfy { $0 > 0 })
    }

    @Test("A list by `dnet data split` gives the weights of a configuration with the same number of masks per class.")
    func splitEqualsTheChoiceOfTheConfiguration() throws {
      let workplace = try Workplace()
      let split = try dnet(workplace, "split", "--root", "data", "--classes", "3", "--per-class", "2", "--seed", "1")
      #expect(split.status == 0, "\(split.output)")
      let list = "ImageSets/Segmentation/splits/strong-2.txt"
      let bytes = try workplace.read("data/\(list)")
      #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("# dnet data split: 2 images per class, seed 1, from "))
      let digests = try #require(ListFile.digests(bytes))
      #expect(digests.stated == digests.found)
      try workplace.train("chosen", ranks: nil, set: ["data.masksPerClass=2"])
      try workplace.train("listed", ranks: nil, set: ["data.masksPerClass=0", "data.maskList=\(list)"])
      #expect(try workplace.summary("chosen").weightsDigest == workplace.summary("listed").weightsDigest)
      let more = try dnet(workplace, "split", "--root", "data", "--classes", "3", "--per-class", "99")
      #expect(more.status == 1 && more.output.contains("99 of each class are required"), "\(more.output)")
    }
  }
}
