// A shim over libmatio that reads one thing: the field Segmentation of the variable GTcls in a MATLAB 5 file, a mask of
// SBD.
//
// libmatio may crash on inconsistent files, and it reports errors through a log function without context. So
// MATLABFile.swift checks a file before libmatio reads it, and libmatio's log lines go to a thread-local variable. The
// check also refuses the formats that libmatio passes to HDF5, which is not thread-safe.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <matio.h>
#include <zlib.h>

enum { DNET_MAT_MESSAGE = 256 };

// The limit of an inflated variable, more than any mask needs.
enum { DNET_MAT_INFLATED = 1 << 27 };

// The thread's first error message. It is inside a function because Swift's importer emits no variables of a header.
static inline char *dnet_mat_complaint(void) {
  static _Thread_local char text[DNET_MAT_MESSAGE];
  return text;
}

// Keeps the first error message of the thread.
static inline void dnet_mat_log(int level, char *text) {
  int serious = MATIO_LOG_LEVEL_ERROR | (MATIO_LOG_LEVEL_CRITICAL);
  char *complaint = dnet_mat_complaint();
  if ((level & serious) && complaint[0] == 0) snprintf(complaint, DNET_MAT_MESSAGE, "%s", text);
}

// Must be called once before any file is read.
static inline void dnet_mat_start(void) { Mat_LogInitFunc("dnet", dnet_mat_log); }

// Inflates a compressed variable and verifies its checksum. The caller frees `*output`. Returns 0, or 1 with a message.
static inline int dnet_mat_inflate(
    const uint8_t *bytes, size_t count, uint8_t **output, size_t *size, char *message) {
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  message[0] = 0;
  if (inflateInit(&stream) != Z_OK) {
    strcpy(message, "out of memory");
    return 1;
  }
  uint8_t *buffer = NULL;
  size_t capacity = 0;
  stream.next_in = (Bytef *)bytes;
  stream.avail_in = (uInt)count;
  int status = Z_OK;
  while (status == Z_OK && stream.total_out < DNET_MAT_INFLATED) {
    if (stream.total_out == capacity) {
      capacity = capacity ? 4 * capacity : 1 << 16;
      uint8_t *larger = (uint8_t *)realloc(buffer, capacity);
      if (larger == NULL) {
        status = Z_MEM_ERROR;
        break;
      }
      buffer = larger;
    }
    stream.next_out = buffer + stream.total_out;
    stream.avail_out = (uInt)(capacity - stream.total_out);
    status = inflate(&stream, Z_NO_FLUSH);
  }
  if (status == Z_OK) {
    snprintf(message, DNET_MAT_MESSAGE, "a variable inflates to more than %d bytes", (int)DNET_MAT_INFLATED);
  } else if (status != Z_STREAM_END) {
    snprintf(message, DNET_MAT_MESSAGE, "a compressed variable is damaged: %s",
             stream.msg ? stream.msg : "it ends too early");
  }
  *size = stream.total_out;
  inflateEnd(&stream);
  if (status == Z_STREAM_END) {
    *output = buffer;
    return 0;
  }
  free(buffer);
  return 1;
}

typedef struct {
  mat_t *file;
  matvar_t *variable, *field;
  size_t width, height;
} dnet_mat;

static inline void dnet_mat_close(dnet_mat *mat) {
  if (mat->variable) Mat_VarFree(mat->variable);
  if (mat->file) Mat_Close(mat->file);
  memset(mat, 0, sizeof *mat);
}

// Opens the file and finds the size of the mask without reading pixels. Returns 0, or with a message 1, or 2 where the
// file is intact but not a mask of SBD.
static inline int dnet_mat_open(const char *path, dnet_mat *mat, char *message) {
  memset(mat, 0, sizeof *mat);
  char *complaint = dnet_mat_complaint();
  message[0] = complaint[0] = 0;
  int status = 2;
  mat->file = Mat_Open(path, MAT_ACC_RDONLY);
  if (mat->file) mat->variable = Mat_VarReadInfo(mat->file, "GTcls");
  if (complaint[0] || mat->file == NULL) {
    snprintf(message, DNET_MAT_MESSAGE, "%s", complaint[0] ? complaint : "libmatio cannot open it");
    status = 1;
  } else if (mat->variable == NULL) {
    strcpy(message, "it has no variable GTcls");
  } else if (mat->variable->class_type != MAT_C_STRUCT || mat->variable->rank != 2 || mat->variable->dims[0] != 1 ||
             mat->variable->dims[1] != 1) {
    strcpy(message, "GTcls is not a single structure");
  } else if ((mat->field = Mat_VarGetStructFieldByName(mat->variable, "Segmentation", 0)) == NULL) {
    strcpy(message, "GTcls has no field Segmentation");
  } else if (mat->field->class_type != MAT_C_UINT8 || mat->field->isComplex) {
    strcpy(message, "Segmentation holds no 8-bit integers");
  } else if (mat->field->rank != 2 || mat->field->dims[0] == 0 || mat->field->dims[1] == 0) {
    strcpy(message, "Segmentation is not a matrix");
  } else {
    mat->height = mat->field->dims[0];
    mat->width = mat->field->dims[1];
    return 0;
  }
  dnet_mat_close(mat);
  return status;
}

// Reads the mask into height x width bytes, row by row (MATLAB stores columns). Returns 0, or 1 with a message.
static inline int dnet_mat_read(dnet_mat *mat, uint8_t *pixels, char *message) {
  char *complaint = dnet_mat_complaint();
  message[0] = complaint[0] = 0;
  size_t width = mat->width, height = mat->height;
  int failed = Mat_VarReadDataAll(mat->file, mat->field) != 0;
  if (failed || complaint[0] || mat->field->data == NULL || mat->field->data_type != MAT_T_UINT8 ||
      mat->field->nbytes != width * height) {
    snprintf(message, DNET_MAT_MESSAGE, "%s",
             complaint[0] ? complaint : "Segmentation cannot be read in full");
    return 1;
  }
  const uint8_t *columns = (const uint8_t *)mat->field->data;
  for (size_t y = 0; y < height; y++)
    for (size_t x = 0; x < width; x++) pixels[y * width + x] = columns[x * height + y];
  return 0;
}
