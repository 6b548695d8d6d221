// Tests of the properties of edge groups, and of affinities and neighbours against a direct computation from the
// pixels.
import Foundation
import Proposals
import Testing

@Suite struct EdgeGroupsTests {
  let parameters = EdgeBoxes.Parameters()

  /// Sums of positions and doubled angles by definition, in Double.
  func means(_ map: EdgeMap, _ groups: EdgeGroups) -> [(m: Double, x: Double, y: Double, angle: Double)] {
    var sums = [(m: Double, x: Double, y: Double, c: Double, s: Double)](
      repeating: (0, 0, 0, 0, 0), count: groups.count)
    for i in map.magnitude.indices where groups.members[i] >= 0 {
      let (g, m, o) = (Int(groups.members[i]), Double(map.magnitude[i]), Double(map.orientation[i]))
      sums[g].m += m
      sums[g].x += m * Double(i % map.width)
      sums[g].y += m * Double(i / map.width)
      sums[g].c += m * cos(2 * o)
      sums[g].s += m * sin(2 * o)
    }
    return sums.map { ($0.m, $0.x / $0.m, $0.y / $0.m, atan2($0.s, $0.c) / 2) }
  }

  @Test("Affinities equal their definition.", arguments: [1, 2, 3, 4]) func affinitiesEqualTheDefinition(seed: UInt64) {
    let map = DrawnEdges.strokes(width: 71, height: 53, seed: seed)
    let groups = EdgeGroups(map, parameters)
    let means = means(map, groups)
    #expect(groups.count > 10)
    // Neighbours, by comparing all pixels with those at most two pixels away.
    var near = Set<[Int]>()
    for i in map.magnitude.indices where groups.members[i] >= 0 {
      let (x, y) = (i % map.width, i / map.width)
      for v in max(0, y - 2)...min(map.height - 1, y + 2) {
        for u in max(0, x - 2)...min(map.width - 1, x + 2) {
          let other = Int(groups.members[v * map.width + u])
          if other >= 0 && other != Int(groups.members[i]) { near.insert([Int(groups.members[i]), other]) }
        }
      }
    }
    var found = 0
    for a in 0..<groups.count {
      #expect(abs(Double(groups.magnitudes[a]) - means[a].m) < 1e-4)
      let listed = groups.neighbours[Int(groups.starts[a])..<Int(groups.starts[a + 1])]
      #expect(Set(listed.map(\.group)).count == listed.count)
      for b in 0..<groups.count where a != b {
        let toOther = atan2(means[b].y - means[a].y, means[b].x - means[a].x)
        // An edge is perpendicular to its normal.
        let expected = pow(
          abs(cos(means[a].angle + .pi / 2 - toOther) * cos(means[b].angle + .pi / 2 - toOther)), 2)
        let affinity = listed.first { $0.group == Int32(b) }?.affinity
        if !near.contains([a, b]) {
          #expect(affinity == nil)
        } else if expected > 0.051 {
          #expect(abs(Double(affinity ?? -1) - expected) < 1e-3, "groups \(a) and \(b)")
          found += 1
        } else if expected < 0.049 {
          #expect(affinity == nil)
        }
      }
    }
    #expect(found > 10)
  }

  @Test("Groups are connected and strong enough.", arguments: [1, 2, 3]) func groupsAreConnectedAndStrongEnough(
    seed: UInt64
  ) {
    let map = DrawnEdges.strokes(width: 64, height: 80, seed: seed)
    let groups = EdgeGroups(map, parameters)
    var seen = Set<Int>()
    var pieces = [Int](repeating: 0, count: groups.count)
    for start in map.magnitude.indices {
      let g = groups.members[start]
      #expect(g < 0 || map.magnitude[start] > parameters.edgeMinMag)
      guard g >= 0, seen.insert(start).inserted else { continue }
      pieces[Int(g)] += 1
      var open = [start]
      while let i = open.popLast() {
        let (x, y) = (i % map.width, i / map.width)
        for v in max(0, y - 1)...min(map.height - 1, y + 1) {
          for u in max(0, x - 1)...min(map.width - 1, x + 1) where groups.members[v * map.width + u] == g {
            if seen.insert(v * map.width + u).inserted { open.append(v * map.width + u) }
          }
        }
      }
    }
    #expect(pieces.allSatisfy { $0 == 1 })
    #expect(groups.magnitudes.allSatisfy { $0 > parameters.clusterMinMag })
    for g in 0..<groups.count {
      #expect(groups.members[Int(groups.places[g].y) * map.width + Int(groups.places[g].x)] == Int32(g))
    }
  }

  @Test("A line is one group, a circle is several.")
  func aLineIsOneGroupACircleIsSeveral() {
    var line = DrawnEdges.empty(60, 40)
    for x in 5..<55 { (line.magnitude[20 * 60 + x], line.orientation[20 * 60 + x]) = (0.5, .pi / 2) }
    let one = EdgeGroups(line, parameters)
    #expect(one.count == 1 && abs(one.magnitudes[0] - 25) < 1e-4 && one.neighbours.isEmpty)
    #expect(abs(abs(one.normals[0].y) - 1) < 1e-5)

    var circle = DrawnEdges.empty(60, 60)
    for step in 0..<2000 {
      let angle = Double(step) * 2 * Double.pi / 2000
      let i = Int((30 + 20 * sin(angle)).rounded()) * 60 + Int((30 + 20 * cos(angle)).rounded())
      circle.magnitude[i] = 1
      circle.orientation[i] = Float(angle.truncatingRemainder(dividingBy: .pi))
    }
    let several = EdgeGroups(circle, parameters)
    // A group turns by at most a quarter, so a circle has four, and a small rest.
    #expect((4...8).contains(several.count))
  }

  @Test("Without edges above the threshold there is no group.")
  func nothingAboveTheThresholdIsNoGroup() {
    var map = DrawnEdges.strokes(width: 30, height: 30, seed: 1)
    map.magnitude = map.magnitude.map { $0 * 0.1 }
    #expect(EdgeGroups(map, parameters).count == 0)
    #expect(EdgeBoxes(parameters).boxes(in: map).isEmpty)
  }
}
