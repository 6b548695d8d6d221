// A dataset in VOC's layout: JPEGImages/ID.jpg, SegmentationClassAug/ID.png or SegmentationClass/ID.png (palette or
// grey index masks), ImageSets/Segmentation/*.txt, ImageSets/Main/CLASS_*.txt.
import Compute
import Foundation
import Images

package struct VOCDirectory: Sendable {
  package let root: String
  /// The name of each mask index; 0 is the background.
  package let classNames: [String]

  /// The folders that may hold a mask, searched in this order.
  package static let maskFolders = ["SegmentationClassAug", "SegmentationClass"]

  /// Opens the dataset under `root` with the first `classes` of VOC's classes, or with other names (index 0:
  /// background). Throws `noDirectory` where there is no JPEGImages.
  package init(root: String, classes: Int = 20, classNames: [String] = ClassNames.voc) throws(DatasetError) {
    precondition(classes >= 1 && classes < classNames.count, "\(classes) classes, but \(classNames.count - 1) names")
    self.root = root.hasSuffix("/") && root.count > 1 ? String(root.dropLast()) : root
    self.classNames = Array(classNames[0...classes])
    guard Self.exists(self.root + "/JPEGImages") else { throw .noDirectory(root: root) }
  }

  // MARK: Paths

  package func photographPath(_ image: ListedImage) -> String {
    image.photograph.map(resolve) ?? "\(root)/JPEGImages/\(image.id).jpg"
  }

  /// Returns the path of the mask, or nil where the image has none.
  package func maskPath(_ image: ListedImage) -> String? {
    if let mask = image.mask { return resolve(mask) }
    return Self.maskFolders.lazy.map { "\(root)/\($0)/\(image.id).png" }.first(where: Self.exists)
  }

  /// Returns the path of a list: under the root if it is there (even with a leading slash), otherwise the path as
  /// given.
  package func listPath(_ list: String) -> String { resolve(list) }

  private func resolve(_ path: String) -> String {
    let inside = path.hasPrefix("/") ? root + path : root + "/" + path
    return Self.exists(inside) || (!path.hasPrefix("/") && !Self.exists(path)) ? inside : path
  }

  private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  // MARK: Lists

  /// Reads a list such as `ImageSets/Segmentation/train_aug.txt`. Throws what `ImageList.read` throws, and
  /// `missingFile` where a photograph, or a mask that the list itself names, does not exist.
  package func images(list: String) throws(DatasetError) -> [ListedImage] {
    let path = listPath(list)
    let images = try ImageList.read(path)
    var missing: (line: Int, path: String)?
    var count = 0
    for image in images {
      let needed = [photographPath(image)] + (image.mask == nil ? [] : [maskPath(image)!])
      guard let absent = needed.first(where: { !Self.exists($0) }) else { continue }
      if missing == nil { missing = (image.line, absent) }
      count += 1
    }
    if let missing { throw .missingFile(list: path, line: missing.line, path: missing.path, more: count - 1) }
    return images
  }

  // MARK: Examples

  /// Decodes the photograph and, where there is one, the mask. The mask has the same size and indices 0...K and 255.
  package func load(_ image: ListedImage) throws -> (photograph: RGBImage, mask: IndexImage?) {
    let path = photographPath(image)
    let photograph = try Photograph.decode(file: path)
    guard let maskPath = maskPath(image) else { return (photograph, nil) }
    let mask = try loadMask(maskPath)
    guard mask.width == photograph.width && mask.height == photograph.height else {
      throw DatasetError.sizeMismatch(
        photograph: path, width: photograph.width, height: photograph.height, mask: maskPath,
        maskWidth: mask.width, maskHeight: mask.height)
    }
    return (photograph, mask)
  }

  package func load(_ id: String) throws -> (photograph: RGBImage, mask: IndexImage?) { try load(ListedImage(id: id)) }

  /// Decodes both. Throws `noMask` where there is no mask.
  package func loadWithMask(_ image: ListedImage) throws -> (photograph: RGBImage, mask: IndexImage) {
    let (photograph, mask) = try load(image)
    guard let mask else { throw DatasetError.noMask(id: image.id, folders: Self.maskFolders) }
    return (photograph, mask)
  }

  /// Decodes the mask and checks its indices. Throws `noMask` where there is none.
  package func loadMask(_ image: ListedImage) throws -> IndexImage {
    guard let path = maskPath(image) else { throw DatasetError.noMask(id: image.id, folders: Self.maskFolders) }
    return try loadMask(path)
  }

  private func loadMask(_ path: String) throws -> IndexImage {
    let mask = try PNG.decodeIndices(file: path)
    try requireClasses(of: mask, name: path)
    return mask
  }
}
