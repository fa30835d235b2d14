/*
 * kv_mem.h - lib/kv.h in memory, for fuzz targets
 *
 * A program that links kv_mem.c has it in the place of kv_bdb.c.  Databases
 * are those of the process, by directory and name, and stay when the last
 * handle is closed; several handles of one database are as several processes.
 * kv_mem_save() remembers all there are, kv_mem_restore() makes them that
 * again; neither while a transaction is open.
 */
#ifndef TEST_FUZZ_KV_MEM_H
#define TEST_FUZZ_KV_MEM_H

void kv_mem_save(void);
void kv_mem_restore(void);

#endif
