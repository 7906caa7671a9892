/* SPDX-License-Identifier: Apache-2.0 */
/* ThreadSanitizer follows descriptors by the calls that open and close them.
 * libuv closes sockets by the system call itself, unseen, so that the number of
 * one, used again for a file by a job, looks like a race between that file's
 * close and the socket's opening. The functions below do nothing but open and
 * close files of their own. */

const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void) {
    return "race:disk_list\n"
           "race:disk_close\n"
           "race:disk_sync_dir\n";
}
