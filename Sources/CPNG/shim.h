// A shim over libpng, which reports errors through a function that must not return. A longjmp must not cross Swift
// frames, so each function below sets up, works and cleans up in C, and returns a status with the library's message.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <png.h>

enum { DNET_PNG_MESSAGE = 256 };

typedef struct {
  const uint8_t *input;
  size_t left;
  uint8_t *output;
  size_t count, capacity;
  char *message;
  jmp_buf jump;
} dnet_png_call;

static inline void dnet_png_fail(png_structp png, png_const_charp text) {
  dnet_png_call *call = (dnet_png_call *)png_get_error_ptr(png);
  snprintf(call->message, DNET_PNG_MESSAGE, "%s", text);
  longjmp(call->jump, 1);
}

// libpng warns about colour profiles, text and the like; damaged pixels are errors.
static inline void dnet_png_silent(png_structp png, png_const_charp text) { (void)png; (void)text; }

static inline void dnet_png_read_bytes(png_structp png, png_bytep into, size_t count) {
  dnet_png_call *call = (dnet_png_call *)png_get_io_ptr(png);
  if (count > call->left) png_error(png, "premature end of file");
  memcpy(into, call->input, count);
  call->input += count;
  call->left -= count;
}

static inline void dnet_png_write_bytes(png_structp png, png_bytep from, size_t count) {
  dnet_png_call *call = (dnet_png_call *)png_get_io_ptr(png);
  if (call->count + count > call->capacity) {
    size_t capacity = 2 * (call->count + count) + 4096;
    uint8_t *larger = (uint8_t *)realloc(call->output, capacity);
    if (larger == NULL) png_error(png, "out of memory");
    call->output = larger;
    call->capacity = capacity;
  }
  memcpy(call->output + call->count, from, count);
  call->count += count;
}

static inline void dnet_png_flush(png_structp png) { (void)png; }

typedef struct {
  uint32_t width, height;
  int colorType, bitDepth;
} dnet_png_header;

// The treatment of pixels by dnet_png_read.
enum { DNET_PNG_HEADER_ONLY = 0, DNET_PNG_INDICES = 1, DNET_PNG_RGB = 2 };

// Reads the header and, unless HEADER_ONLY, the pixels. INDICES gives one byte per pixel, the palette index or 8-bit
// grey value (the caller checks the type in the header first). RGB gives r, g, b for any file, with 16 bits cut to 8
// and alpha dropped. `pixels` has width * height * (1 or 3) bytes. Returns 0, or 1 with a message.
static inline int dnet_png_read(
    const uint8_t *bytes, size_t count, int mode, dnet_png_header *header, uint8_t *pixels, char *message) {
  dnet_png_call call;
  memset(&call, 0, sizeof call);
  call.input = bytes;
  call.left = count;
  call.message = message;
  message[0] = 0;
  png_structp volatile png = NULL;
  png_infop volatile info = NULL;
  if (setjmp(call.jump)) {
    png_structp p = png;
    png_infop i = info;
    png_destroy_read_struct(&p, &i, NULL);
    return 1;
  }
  png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &call, dnet_png_fail, dnet_png_silent);
  info = png == NULL ? NULL : png_create_info_struct(png);
  if (info == NULL) {
    strcpy(message, "out of memory");
    longjmp(call.jump, 1);
  }
  png_set_read_fn(png, &call, dnet_png_read_bytes);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // the caller has a limit and a message of its own
  // Text, profiles and the like are skipped. libpng would allocate and clear as much memory as such a chunk claims to
  // have: up to 2 GiB, in 5 s, for a file of 300 bytes.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  // libpng would skip such chunks before the header too.
  if (count >= 16 && png_sig_cmp((png_const_bytep)bytes, 0, 8) == 0 && memcmp(bytes + 12, "IHDR", 4) != 0)
    png_error(png, "IHDR is not the first chunk");
  png_read_info(png, info);
  header->width = png_get_image_width(png, info);
  header->height = png_get_image_height(png, info);
  header->colorType = png_get_color_type(png, info);
  header->bitDepth = png_get_bit_depth(png, info);
  if (mode != DNET_PNG_HEADER_ONLY) {
    if (mode == DNET_PNG_INDICES) {
      png_set_packing(png);
    } else {
      png_set_expand(png);
      png_set_strip_16(png);
      png_set_gray_to_rgb(png);
      png_set_strip_alpha(png);
    }
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t stride = (size_t)header->width * (mode == DNET_PNG_RGB ? 3 : 1);
    if (png_get_rowbytes(png, info) != stride) png_error(png, "unexpected row length");
    for (int pass = 0; pass < passes; pass++)
      for (uint32_t y = 0; y < header->height; y++) png_read_row(png, pixels + y * stride, NULL);
    png_read_end(png, NULL);
  }
  png_structp p = png;
  png_infop i = info;
  png_destroy_read_struct(&p, &i, NULL);
  return 0;
}

// Encodes indices with a palette of 256 x (r, g, b). Where `palette` is NULL, it encodes r, g, b pixels, or 8-bit grey
// with `grey`. The caller frees `*output`.
static inline int dnet_png_write(
    const uint8_t *pixels, uint32_t width, uint32_t height, const uint8_t *palette, int grey, uint8_t **output,
    size_t *count, char *message) {
  dnet_png_call call;
  memset(&call, 0, sizeof call);
  call.message = message;
  message[0] = 0;
  png_structp volatile png = NULL;
  png_infop volatile info = NULL;
  if (setjmp(call.jump)) {
    png_structp p = png;
    png_infop i = info;
    png_destroy_write_struct(&p, &i);
    free(call.output);
    return 1;
  }
  png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &call, dnet_png_fail, dnet_png_silent);
  info = png == NULL ? NULL : png_create_info_struct(png);
  if (info == NULL) {
    strcpy(message, "out of memory");
    longjmp(call.jump, 1);
  }
  png_set_write_fn(png, &call, dnet_png_write_bytes, dnet_png_flush);
  int type = palette != NULL ? PNG_COLOR_TYPE_PALETTE : grey ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
  png_set_IHDR(
      png, info, width, height, 8, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (palette != NULL) png_set_PLTE(png, info, (png_const_colorp)palette, 256);
  png_write_info(png, info);
  size_t stride = (size_t)width * (type == PNG_COLOR_TYPE_RGB ? 3 : 1);
  for (uint32_t y = 0; y < height; y++) png_write_row(png, pixels + y * stride);
  png_write_end(png, NULL);
  png_structp p = png;
  png_infop i = info;
  png_destroy_write_struct(&p, &i);
  *output = call.output;
  *count = call.count;
  return 0;
}
